"""The classifier: convolutions whose last feature maps are the class activation maps (i2crc spec, section 2.1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, cast

from torch import Tensor, nn

from common.engine.optimizer import GroupRule
from common.errors import require
from common.models.backbones import BackboneConfig, backbone_weights, build_backbone
from common.models.base import Backbone, initialise_convolutions
from common.models.vgg import VGG16
from common.models.weights import load_weights, read_state_dict

# What DataParallel puts before every name of a published file.
PARALLEL = "module."
IN_FILES, IN_BACKBONE = "features.", "backbone.features."


class CamScores(NamedTuple):
    """Attributes: logits: N x C, spatial means of the maps; maps: N x C x h x w, any sign."""

    logits: Tensor
    maps: Tensor


class FlooredVGG16(VGG16):
    """VGG16 at output stride 8 whose pools round sizes down, without the fifth pool: a side of n pixels becomes n // 8."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__(output_stride=8, width=width)
        del self.features[-1]
        self.stage_ends[-1] -= 1
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                layer.ceil_mode = False


class RelationClassifier(nn.Module):
    """Backbone, three 3x3 convolutions with ReLU, a 1x1 convolution to one map per class; logits are the maps' means."""

    def __init__(self, backbone: Backbone, n_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        channels = backbone.out_channels
        layers: list[nn.Module] = []
        for _ in range(3):
            layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(inplace=True)]
        self.extra_convs = nn.Sequential(*layers, nn.Conv2d(channels, n_classes, 1))
        initialise_convolutions(self.extra_convs)

    def class_maps(self, images: Tensor) -> Tensor:
        """Normalised images N x 3 x H x W to class maps N x C x h x w, any sign."""
        return cast(Tensor, self.extra_convs(self.backbone(images)))

    def forward(self, images: Tensor) -> CamScores:
        """Logits and maps of normalised images N x 3 x H x W."""
        maps = self.class_maps(images)
        return CamScores(maps.mean(dim=(2, 3)), maps)


def build_classifier(config: BackboneConfig, n_classes: int) -> RelationClassifier:
    """The network with its initial weights; raises as :func:`common.models.backbones.build_backbone`."""
    if config.name != "vgg16":
        return RelationClassifier(build_backbone(config), n_classes)
    require(config.output_stride == 8, f"backbone.output_stride is {config.output_stride}, but I2CRC's VGG16 has 8")
    backbone = FlooredVGG16(config.width)
    if config.weights:
        state, source = backbone_weights(config, backbone)
        load_weights(backbone, state, source=source)
    backbone.freeze(config.frozen_stages, config.freeze_batchnorm)
    return RelationClassifier(backbone, n_classes)


def group_rules(head_lr_multiplier: float) -> list[GroupRule]:
    """Backbone weights 1x, its biases 2x, weights of the added convolutions 10x, their biases 20x; all decay (spec, section 5)."""
    return [
        GroupRule("head_bias", r"^extra_convs\..*bias$", 2 * head_lr_multiplier),
        GroupRule("head", r"^extra_convs\.", head_lr_multiplier),
        GroupRule("backbone_bias", r"bias$", 2.0),
        GroupRule("backbone", ""),
    ]


def classifier_content(network: nn.Module, epoch: int, steps: int) -> dict[str, Any]:
    """What ``pascal_voc_epoch_29.pth`` holds, without the optimiser (i2crc spec, section 2.1)."""
    state = {PARALLEL + name.replace(IN_BACKBONE, IN_FILES, 1): tensor for name, tensor in network.state_dict().items()}
    return {"epoch": epoch, "global_counter": steps, "state_dict": state}


def load_classifier(network: nn.Module, path: Path) -> None:
    """Load a published checkpoint, or a bare state dict."""
    load_weights(network, read_state_dict(path, network), source=str(path), rename={IN_FILES: IN_BACKBONE})
