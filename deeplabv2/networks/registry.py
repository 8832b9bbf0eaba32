"""The networks by name: how each is built and started, what its head is called, which input it takes, how its parts learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from torch import nn

from common.engine.optimizer import GroupRule, OptimizerConfig, backbone_and_head_rules, parameter_groups
from common.errors import CheckpointError, ConfigError, require
from common.models.backbones import backbone_weights, build_backbone
from common.models.weights import LoadReport, load_weights, read_state_dict
from deeplabv2.networks import deeplab
from deeplabv2.networks.caffe_resnet import OUT_CHANNELS, caffe_resnet
from deeplabv2.networks.deeplab import MSC, DeepLab
from deeplabv2.networks.deeplabv3plus import V3PLUS_RATES, DeepLabV3Plus, v3plus_rules, without_stage_names
from deeplabv2.networks.dsrg import DeepLabVGG16, DSRGNetwork
from deeplabv2.networks.initial_weights import caffe_tensors, load_start, load_v3plus, load_vgg16
from deeplabv2.networks.settings import RATES, NetworkConfig, default_backbone
from deeplabv2.samples import InputConvention, caffe_input, imagenet_input

SMALL_RATES = (3, 6, 9, 12)


def head_rules(head: str, multiplier: float) -> list[GroupRule]:
    """Backbone 1x, head weights 10x, head biases 20x without decay (deeplabv2 spec, section 5)."""
    return backbone_and_head_rules(head.removesuffix("."), multiplier)


def one_group(head: str, multiplier: float) -> list[GroupRule]:
    """I2CRC: everything learns alike."""
    return [GroupRule("all", "")]


def caffe_rules(head: str, multiplier: float) -> list[GroupRule]:
    """Weights 1x, biases 2x without decay; of the last layers ten times that (sgan spec, section 5.2)."""
    return [
        GroupRule("head_bias", r"(^|\.)fc8_\d+\.bias$", 2 * multiplier, decays=False),
        GroupRule("head", r"(^|\.)fc8_\d+\.weight$", multiplier),
        GroupRule("bias", r"\.bias$", 2.0, decays=False),
        GroupRule("backbone", ""),
    ]


@dataclass(frozen=True)
class NetworkKind:
    """What there is to know about a network besides its modules.

    Attributes:
        build: settings -> network for one scale. Weights are random, or those of the backbone.
        head: beginning of the names of its head, which may be missing from initial weights.
        rules: (head, its rate relative to the backbone) -> groups of parameters.
        input: ``caffe`` (BGR minus mean) or ``imagenet`` (RGB, normalised).
        backbone: what of that setting it reads: all of it, its weights, its width, or nothing.
        load: (network for one scale, head, weights, force) -> what was loaded; starts it from ``weights``.
        trains: False for a mere container of weights, which has no pyramid either.
    """

    build: Callable[[NetworkConfig], nn.Module]
    head: str
    rules: Callable[[str, float], list[GroupRule]] = head_rules
    input: Literal["caffe", "imagenet"] = "caffe"
    backbone: Literal["all", "weights", "width", "nothing"] = "nothing"
    load: Callable[[nn.Module, str, str, bool], LoadReport] = load_start
    trains: bool = True


def caffe_deeplab(config: NetworkConfig, rates: Sequence[int] | None = None) -> nn.Module:
    """DeepLab-v2 on the Caffe ResNet, with ``rates`` where the name says which."""
    if rates and tuple(config.all_rates) not in (RATES, tuple(rates)):
        raise ConfigError(
            f"{config.name} has the rates {rates}; leave network.rates out or choose DeepLabV2_ResNet101_MSC"
        )
    parts = caffe_resnet(config.blocks)
    return DeepLab(**parts, aspp=deeplab.atrous_pyramid(OUT_CHANNELS, config.n_labels, rates or config.all_rates))


def deeplabv1(config: NetworkConfig) -> nn.Module:
    """The container of the COCO weights: a 1x1 classifier on the Caffe ResNet."""
    return DeepLab(**caffe_resnet(config.blocks), fc=nn.Conv2d(OUT_CHANNELS, config.n_labels, 1))


def deeplabv1_fov(config: NetworkConfig) -> nn.Module:
    """L2G's DeepLab-v1: LargeFOV on the Caffe ResNet."""
    return DeepLab(**caffe_resnet(config.blocks), fov=deeplab.large_fov(OUT_CHANNELS, config.n_labels))


def deeplabv2_vgg16(config: NetworkConfig) -> nn.Module:
    """L2G's DeepLab-v2 on VGG-16."""
    return DeepLab(
        **deeplab.vgg16_layers(),
        aspp=deeplab.hidden_atrous_pyramid(deeplab.VGG_CHANNELS, config.n_labels, config.all_rates),
    )


def deeplabv1_vgg16(config: NetworkConfig) -> nn.Module:
    """L2G's DeepLab-v1 on VGG-16."""
    return DeepLab(**deeplab.vgg16_layers(), aspp=deeplab.large_fov(deeplab.VGG_CHANNELS, config.n_labels))


def i2crc(config: NetworkConfig) -> nn.Module:
    """I2CRC's network, its backbone from ImageNet weights where network.backbone.weights names them."""
    network = deeplab.I2CRCNetwork(config.n_labels, config.all_rates)
    backbone = replace(config.backbone, name="resnet101", width=1.0)
    if backbone.weights:
        state, source = backbone_weights(backbone, network.features)
        load_weights(network.features, state, source=source)
    return network


def vgg16_of_dsrg(config: NetworkConfig) -> nn.Module:
    return DeepLabVGG16(config.n_labels, config.all_rates, config.backbone.width)


def deeplabv3plus(config: NetworkConfig) -> nn.Module:
    require(not config.pyramid, f"network.pyramid is {config.pyramid}; DeepLabV3Plus has a single scale: set it to []")
    backbone, rates = build_backbone(config.backbone), config.rates or V3PLUS_RATES
    return DeepLabV3Plus(backbone, config.n_labels, rates, config.head_norm, config.backbone.width)


def deeplabv2_on_backbone(config: NetworkConfig) -> nn.Module:
    backbone = build_backbone(config.backbone)
    return deeplab.BackboneAndHead(backbone, config.n_labels, config.all_rates, config.hidden)


def on_backbone(network: Callable[..., nn.Module]) -> Callable[[NetworkConfig], nn.Module]:
    return lambda config: network(build_backbone(config.backbone), config.n_labels, config.all_rates)


NETWORKS = {
    "DeepLabV2_ResNet101_MSC": NetworkKind(caffe_deeplab, "aspp."),
    "DeepLabV2S_ResNet101_MSC": NetworkKind(lambda config: caffe_deeplab(config, SMALL_RATES), "aspp."),
    "DeepLabV1_ResNet101": NetworkKind(deeplabv1, "fc.", trains=False),
    "DeepLabV1_ResNet101_MSC": NetworkKind(deeplabv1_fov, "fov."),
    "DeepLabV2_VGG16_MSC": NetworkKind(deeplabv2_vgg16, "aspp."),
    "DeepLabV1_VGG16_MSC": NetworkKind(deeplabv1_vgg16, "aspp."),
    "I2CRC_ResNet101_MSC": NetworkKind(i2crc, "classifier.", one_group, backbone="weights"),
    "DeepLabV2_MSC": NetworkKind(deeplabv2_on_backbone, "aspp.", input="imagenet", backbone="all"),
    "DeepLabV3Plus": NetworkKind(
        deeplabv3plus, "decoder.", v3plus_rules, input="imagenet", backbone="all", load=load_v3plus
    ),
    "DSRG_VGG16": NetworkKind(vgg16_of_dsrg, "fc8_", caffe_rules, backbone="width", load=load_vgg16),
    "DSRG": NetworkKind(on_backbone(DSRGNetwork), "fc8_", caffe_rules, backbone="all"),
}


def network_kind(config: NetworkConfig) -> NetworkKind:
    """The network of the name."""
    if config.name not in NETWORKS:
        raise ConfigError(f"there is no network {config.name!r}; network.name is one of {', '.join(NETWORKS)}")
    kind = NETWORKS[config.name]
    default = default_backbone()
    if kind.backbone == "weights":
        default.weights = config.backbone.weights
    elif kind.backbone == "width":
        default.width = config.backbone.width
    if kind.backbone != "all" and config.backbone != default:
        raise ConfigError(
            f"network.backbone is the backbone of DeepLabV2_MSC, DeepLabV3Plus and DSRG; {config.name} has its own: leave it out "
            "(published weights are network.weights)"
        )
    return kind


def bare_network(config: NetworkConfig) -> nn.Module:
    """The network without ``network.weights``: tensors are named as in the published checkpoints."""
    kind = network_kind(config)
    base = kind.build(config)
    return MSC(base, config.pyramid, config.pyramid_resize) if kind.trains else base


def resolved(config: NetworkConfig) -> NetworkConfig:
    """``weights`` of the backbone alone (a name, or a file without this network's head) as those of the backbone."""
    kind, path = network_kind(config), Path(config.weights)
    if not config.weights or kind.backbone not in ("all", "weights"):
        return config
    if path.is_file() and any(kind.head in name for name in read_state_dict(path)):
        return config
    return replace(config, weights="", backbone=replace(config.backbone, weights=config.weights))


def starting_network(config: NetworkConfig, announce: Callable[[str], None] = print) -> nn.Module:
    """The network as a training starts from it; ``announce`` gets one line that says what of the initial weights was used and what
    was not.
    """
    config, kind = resolved(config), network_kind(config)
    network = bare_network(config)
    base = for_one_scale(network)
    if config.weights:
        report = kind.load(base, kind.head, config.weights, config.force_weights)
        announce(f"Init: {report.summary()}")
    if config.freeze_head:
        for name, parameter in base.named_parameters():
            if name.startswith(kind.head):
                parameter.requires_grad_(False)
    return network


def for_one_scale(network: nn.Module) -> nn.Module:
    """The network inside its pyramid."""
    return network.base if isinstance(network, MSC) else network


def load_network(config: NetworkConfig, checkpoint: Path) -> nn.Module:
    """The network with the weights of a finished training, in eval mode.

    Args:
        checkpoint: a file of tensors; of DSRG_VGG16 also a caffemodel.
    """
    # The checkpoint covers every tensor, so the initial weights need not be at hand any more.
    network = bare_network(replace(config, backbone=replace(config.backbone, weights="")))
    if checkpoint.suffix == ".caffemodel":
        base = for_one_scale(network)
        load_weights(base, caffe_tensors(base, checkpoint), source=str(checkpoint))
    else:
        load_strictly(network, checkpoint)
    return network.eval()


def load_strictly(network: nn.Module, checkpoint: Path) -> None:
    """Load a checkpoint whose tensors are exactly those of ``network``, or of what is inside its pyramid, whatever stands before
    their names.
    """
    state = without_stage_names(read_state_dict(checkpoint, network), str(checkpoint))
    report = load_weights(network, state, source=str(checkpoint))
    if report.unexpected:
        raise CheckpointError(
            f"{report.summary()}. The checkpoint is of a larger network than {type(network).__name__}: choose the one it "
            "was trained with (network.name, network.blocks, network.rates)."
        )


def input_convention(config: NetworkConfig, mean_bgr: tuple[float, float, float]) -> InputConvention:
    """How images enter the network; the mean, in grey levels, is that of Caffe's networks."""
    return imagenet_input() if network_kind(config).input == "imagenet" else caffe_input(mean_bgr)


def grouped_parameters(network: nn.Module, config: NetworkConfig, optimizer: OptimizerConfig) -> list[dict[str, Any]]:
    """The optimiser's parameter groups; what does not learn is in none."""
    kind = network_kind(config)
    rules = kind.rules(kind.head, optimizer.head_lr_multiplier)
    return parameter_groups(network, rules, optimizer.lr, optimizer.weight_decay, optimizer.decay_vectors)
