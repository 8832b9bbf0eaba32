"""The networks by name: how each is built, what its head is called and which input it takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import nn

from common.errors import ConfigError
from common.models.backbones import BackboneConfig, backbone_weights, build_backbone
from common.models.weights import load_weights
from deeplabv2.networks.deeplab import (
    BodyAndHead,
    deeplabv1_resnet,
    deeplabv1_resnet_fov,
    deeplabv1_vgg16,
    deeplabv2_resnet,
    deeplabv2_vgg16,
)
from deeplabv2.networks.i2crc import I2CRCNetwork
from deeplabv2.sections_training import Model, default_body

RATES = (6, 12, 18, 24)
SMALL_RATES = (3, 6, 9, 12)


@dataclass(frozen=True)
class NetworkKind:
    """What there is to know about a network besides its modules.

    Attributes:
        build: (settings, number of labels) -> network for one scale. Weights are random, or those that BODY names.
        head: name of its head; the head's weights learn faster than the body, and may be missing from an INIT_MODEL.
        input: ``caffe`` (BGR minus mean) or ``imagenet`` (RGB, normalised).
        groups: ``head`` gives the head its own learning rates; ``one`` puts all parameters in one group.
        trains: False for a mere container of weights, which has no pyramid either.
    """

    build: Callable[[Model, int], nn.Module]
    head: str
    input: Literal["caffe", "imagenet"] = "caffe"
    groups: Literal["head", "one"] = "head"
    trains: bool = True


def rates(model: Model) -> Sequence[int]:
    return model.ATROUS_RATES or RATES


def deeplabv2s_resnet(model: Model, n_labels: int) -> nn.Module:
    """DeepLab-v2 with small rates, which are what the name says."""
    if tuple(rates(model)) not in (RATES, SMALL_RATES):
        raise ConfigError(
            f"{model.NAME} has the rates {SMALL_RATES}; leave MODEL.ATROUS_RATES out or choose DeepLabV2_ResNet101_MSC"
        )
    return deeplabv2_resnet(n_labels, model.N_BLOCKS, SMALL_RATES)


def i2crc(model: Model, n_labels: int) -> nn.Module:
    """I2CRC's network, its body from ImageNet weights where BODY.weights names them."""
    network = I2CRCNetwork(n_labels, rates(model))
    body = dataclasses.replace(model.BODY, name="resnet101", width=1.0)
    if body.weights:
        state, source = backbone_weights(body)
        load_weights(network.features, state, source=source)
    return network


PRESETS = {"i2crc": NetworkKind(i2crc, head="classifier", groups="one")}
NETWORKS = {
    "DeepLabV2_ResNet101_MSC": NetworkKind(
        lambda model, n_labels: deeplabv2_resnet(n_labels, model.N_BLOCKS, rates(model)), head="aspp"
    ),
    "DeepLabV2S_ResNet101_MSC": NetworkKind(deeplabv2s_resnet, head="aspp"),
    "DeepLabV1_ResNet101": NetworkKind(
        lambda model, n_labels: deeplabv1_resnet(n_labels, model.N_BLOCKS), head="fc", trains=False
    ),
    "DeepLabV1_ResNet101_MSC": NetworkKind(
        lambda model, n_labels: deeplabv1_resnet_fov(n_labels, model.N_BLOCKS), head="fov"
    ),
    "DeepLabV2_VGG16_MSC": NetworkKind(lambda model, n_labels: deeplabv2_vgg16(n_labels, rates(model)), head="aspp"),
    "DeepLabV1_VGG16_MSC": NetworkKind(lambda model, n_labels: deeplabv1_vgg16(n_labels), head="aspp"),
    "DeepLabV2_MSC": NetworkKind(
        lambda model, n_labels: BodyAndHead(build_backbone(model.BODY), n_labels, rates(model)),
        head="aspp",
        input="imagenet",
    ),
}


def network_kind(model: Model) -> NetworkKind:
    """The network that NAME and PRESET choose.

    Raises:
        ConfigError: there is no such network, or other settings contradict the choice.
    """
    if model.NAME not in NETWORKS:
        raise ConfigError(f"there is no network {model.NAME!r}; MODEL.NAME is one of {', '.join(NETWORKS)}")
    if model.PRESET and model.NAME != "DeepLabV2_ResNet101_MSC":
        raise ConfigError(f"MODEL.PRESET {model.PRESET} goes with NAME DeepLabV2_ResNet101_MSC, not with {model.NAME}")
    if model.NAME != "DeepLabV2_MSC" and without_weights(model, model.PRESET) != default_body():
        raise ConfigError(
            f"MODEL.BODY is the body of DeepLabV2_MSC; {model.PRESET or model.NAME} has its own: leave BODY out "
            "(published weights are an INIT_MODEL)"
        )
    return PRESETS[model.PRESET] if model.PRESET else NETWORKS[model.NAME]


def without_weights(model: Model, preset: str) -> BackboneConfig:
    """BODY as :func:`network_kind` compares it: a preset reads its weights."""
    return dataclasses.replace(model.BODY, weights="") if preset else model.BODY
