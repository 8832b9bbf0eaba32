"""Backbones by name: one config dataclass, one builder, one line of provenance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.error import URLError

from torch import Tensor, nn

from common.bounds import bounded
from common.errors import CheckpointError, ConfigError
from common.models.base import Backbone
from common.models.mobilenet import MobileNetV2
from common.models.resnest import ResNeSt, imagenet_resnest, resnest_weights_name
from common.models.resnet import ResNet
from common.models.resnet38 import ResNet38, read_resnet38_weights
from common.models.vgg import VGG16
from common.models.weights import file_fingerprint, load_weights, read_state_dict

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum

BackboneName = Literal[
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet38",
    "resnest50",
    "resnest101",
    "resnest200",
    "resnest269",
    "vgg16",
    "mobilenet_v2",
]


@dataclass
class BackboneConfig:
    """Feature extractor of a network.

    Args:
        name: the architecture; resnet38 is the wide one of EPS, SMAF and L2G, the ResNeSts are those of SOD-WSSS.
        output_stride: input size divided by feature size (4, 8, 16 or 32; ResNeSts have no 4); smaller is finer, slower and
            needs more memory.
        width: factor on all channel numbers; 1.0 is the published network, less is for small data and quick tests.
        weights: empty for random initialisation; "imagenet" for torchvision's recommended ImageNet weights, or
            "IMAGENET1K_V1" / "IMAGENET1K_V2" for one by name (torchvision downloads them once), of a ResNeSt "imagenet" for
            timm's; otherwise the path of a .pth, .pt or .safetensors file, for resnet38 also of the published MXNet file
            (.params).
        frozen_stages: number of first stages (0 to 5) whose parameters and BatchNorm statistics stay as they are.
        freeze_batchnorm: keep the running statistics of all BatchNorm layers, for small batches.
        dilate: ResNets only: False drops the strides beyond output_stride without dilation, for training from scratch on
            small images; ImageNet weights do not suit it.
        last_convolution: MobileNetV2 only: False stops at 320 channels, before the 1x1 convolution to 1280.
    """

    name: BackboneName = "resnet50"
    output_stride: int = bounded(16, least=1, most=32)
    width: float = bounded(1.0, above=0, most=16)
    weights: str = ""
    frozen_stages: int = bounded(0, least=0, most=5)
    freeze_batchnorm: bool = False
    dilate: bool = True
    last_convolution: bool = True


def build_backbone(config: BackboneConfig) -> Backbone:
    """Build the network, load its weights, freeze what is to be frozen.

    Raises:
        ConfigError: a setting is unknown or contradicts another one.
        CheckpointError: the weights are missing, unreadable or do not fit.
    """
    backbone = bare_backbone(config)
    if config.weights:
        state, source = backbone_weights(config, backbone)
        load_weights(backbone, state, source=source)
    backbone.freeze(config.frozen_stages, config.freeze_batchnorm)
    return backbone


def bare_backbone(config: BackboneConfig) -> Backbone:
    """The network with random weights, nothing frozen."""
    if not config.last_convolution and config.name != "mobilenet_v2":
        raise ConfigError(f"last_convolution=false is for mobilenet_v2, not for {config.name}; leave it out.")
    if config.name == "resnet38":
        return resnet38_of(config)
    if not config.dilate and (not config.name.startswith("resnet") or torchvision_weights(config) is not None):
        raise ConfigError("dilate=false is for ResNets trained from scratch; leave it out, or leave out the weights.")
    if config.name == "mobilenet_v2":
        return MobileNetV2(config.output_stride, config.width, config.last_convolution)
    if config.name == "vgg16":
        return VGG16(config.output_stride, config.width)
    if is_resnest(config):
        return resnest_of(config)
    if config.name.startswith("resnet") and config.name.removeprefix("resnet").isdecimal():
        return ResNet(int(config.name.removeprefix("resnet")), config.output_stride, config.width, config.dilate)
    raise ConfigError(
        f"there is no backbone {config.name!r}; use resnet18/34/50/101/38, resnest50/101/200/269, vgg16 or mobilenet_v2."
    )


def is_resnest(config: BackboneConfig) -> bool:
    return config.name.startswith("resnest")


def resnest_depth(config: BackboneConfig) -> int:
    """The number in the name; raises :class:`ConfigError` where there is none."""
    depth = config.name.removeprefix("resnest")
    if not depth.isdecimal():
        raise ConfigError(f"there is no backbone {config.name!r}; use resnest50/101/200/269.")
    return int(depth)


def resnest_of(config: BackboneConfig) -> ResNeSt:
    """A ResNeSt; timm builds it in its published width only."""
    if config.width != 1.0:
        raise ConfigError(f"backbone.width is {config.width}; {config.name} comes with width 1.0 only: leave it out.")
    return ResNeSt(resnest_depth(config), config.output_stride)


def resnet38_of(config: BackboneConfig) -> ResNet38:
    """The wide ResNet-38; its output stride is 8, and torchvision has no weights of it."""
    if config.output_stride != 8 or not config.dilate:
        raise ConfigError(f"backbone.output_stride is {config.output_stride}; resnet38 has 8, with dilation")
    require_file_of_weights(config)
    return ResNet38(config.width)


def require_file_of_weights(config: BackboneConfig) -> None:
    """Raise :class:`ConfigError` where torchvision is asked for weights of the ResNet-38, which it does not have."""
    if config.weights == "imagenet" or config.weights.startswith("IMAGENET1K_"):
        raise ConfigError(
            "torchvision has no weights of resnet38; give the file of its ImageNet weights (.params or .pth)"
        )


def backbone_weights(config: BackboneConfig, backbone: nn.Module | None = None) -> tuple[dict[str, Tensor], str]:
    """Name -> tensor of the weights that ``config.weights`` asks for, and where they come from.

    Args:
        config: what to read.
        backbone: whose tensors are looked for in a file that may hold several networks.
    """
    if config.name == "resnet38":
        require_file_of_weights(config)
        return read_resnet38_weights(config.weights, backbone), config.weights
    if is_resnest(config) and config.weights == "imagenet":
        return imagenet_resnest(resnest_depth(config)), describe_weights(config)
    published = torchvision_weights(config)
    if published is None:
        return read_state_dict(config.weights, backbone), config.weights
    if config.width != 1.0:
        raise ConfigError(
            f"torchvision has no weights for {config.name} with width {config.width}; use width 1.0 or weights ''."
        )
    try:
        return dict(published.get_state_dict(check_hash=True, weights_only=True)), describe_weights(config)
    except (URLError, OSError, RuntimeError) as error:
        raise CheckpointError(
            f"cannot download {published.url} ({error}); fetch it elsewhere and give the path of the file as weights."
        ) from error


def torchvision_weights(config: BackboneConfig) -> WeightsEnum | None:
    """The torchvision weights that ``config.weights`` asks for, None where it is a path or empty."""
    if config.weights != "imagenet" and not config.weights.startswith("IMAGENET1K_"):
        return None
    if is_resnest(config):
        raise ConfigError(f"torchvision has no weights of {config.name}; timm's are weights imagenet.")
    # Imported where its weights are asked for: it takes longer than torch, and most commands do without.
    from torchvision.models import get_model_weights

    choices = get_model_weights(config.name)
    if config.weights == "imagenet":
        return choices.DEFAULT
    # VGG's IMAGENET1K_FEATURES wants another input scaling and has no classifier: not for this toolbox.
    known = [name for name in choices.__members__ if name.startswith("IMAGENET1K_V")]
    if config.weights not in known:
        raise ConfigError(f"torchvision has no {config.weights} for {config.name}; there is {', '.join(known)}.")
    return choices[config.weights]


def describe_weights(config: BackboneConfig) -> str:
    """Where the initial weights come from, for provenance: exact enough to find them again.

    Raises:
        ConfigError: torchvision has no weights of that name.
        CheckpointError: there is no such file.
    """
    if not config.weights:
        return "random"
    if is_resnest(config) and config.weights == "imagenet":
        return f"timm {resnest_weights_name(resnest_depth(config))}"
    published = torchvision_weights(config)
    if published is not None:
        return f"torchvision {published}"
    path = Path(config.weights)
    if not path.is_file():
        raise CheckpointError(f"there is no weights file {path}; check the path.")
    return f"file {path.name} sha256:{file_fingerprint(path)}"
