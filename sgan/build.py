"""The network of a configuration, and the weights it starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_type_hints

from torch import Tensor

from common.errors import CheckpointError, ConfigError
from common.models.backbones import BODY_PREFIXES, BackboneConfig, backbone_weights, build_body, describe_weights
from common.models.base import Backbone
from common.models.weights import load_weights, read_state_dict
from sgan.models.network import SGAN
from sgan.models.vgg import BLOCKS, SganVGG16
from sgan.settings import SganConfig

BODIES: tuple[str, ...] = get_type_hints(BackboneConfig)["name"].__args__
VGG16 = "vgg16"


def build_network(config: SganConfig, n_classes: int, pretrained: bool = True) -> SGAN:
    """The network, its body with initial weights if ``pretrained``.

    Raises:
        ConfigError: an unknown body, or settings it does not have.
        CheckpointError: the initial weights are missing or do not fit.
    """
    own = config.body
    body: Backbone
    if config.backbone == VGG16:
        if own.output_stride != SganVGG16.output_stride:
            raise ConfigError(f"body.output_stride is {own.output_stride}, but the VGG16 of SGAN has 8; leave it out")
        body = SganVGG16(own.width)
    else:
        body = build_body(backbone_config(config))
    if pretrained and config.pretrain:
        state, source = initial_weights(config)
        load_weights(body, state, source=source, strip_prefixes=BODY_PREFIXES, rename=initial_names(config))
    body.freeze(own.frozen_stages, own.freeze_batchnorm)
    network = SGAN(body, n_classes, own.width, own.normaliser)
    network.gamma.requires_grad_(own.attention)
    return network


def backbone_config(config: SganConfig, weights: str = "") -> BackboneConfig:
    """The body as the common builder takes it.

    Raises:
        ConfigError: it does not know the body.
    """
    name: Any = config.backbone
    if name not in BODIES:
        raise ConfigError(f"backbone {name} is unknown; use one of {', '.join(BODIES)}")
    own = config.body
    return BackboneConfig(
        name=name,
        output_stride=own.output_stride,
        width=own.width,
        weights=weights,
        dilate=own.dilate,
        last_convolution=own.last_convolution,
    )


def initial_weights(config: SganConfig) -> tuple[dict[str, Tensor], str]:
    """The tensors of ``pretrain`` and where they come from.

    Raises:
        CheckpointError: there is no such file, with the commands that make the published one.
    """
    if config.pretrain == "vgg_init.pth" and not Path(config.pretrain).is_file():
        raise CheckpointError(
            "there is no vgg_init.pth here; make it with `bash sgan/stage0.sh`, fetch the published one, or give another "
            "file as pretrain"
        )
    return backbone_weights(backbone_config(config, config.pretrain))


def initial_names(config: SganConfig) -> dict[str, str]:
    """File name -> own name of a VGG16's tensors: torchvision numbers its layers, the published file names them.

    A classifier of stage 0 holds torchvision's names too.
    """
    if config.backbone != VGG16:
        return {}
    renamed, position = {}, 0
    for block, channels in BLOCKS:
        for number in range(1, len(channels) + 1):
            renamed[f"features.{position}."] = f"{block}_{number}."
            position += 2
        # The pool behind each block has a number too.
        position += 1
    return renamed


def describe_initial_weights(config: SganConfig) -> str:
    """Where the body's weights came from, for the record of a result."""
    try:
        return describe_weights(backbone_config(config, config.pretrain))
    except CheckpointError:
        # The trained network is complete without the file it once began with.
        return f"file {Path(config.pretrain).name}"


def load_trained(network: SGAN, path: Path) -> None:
    """Load a trained network: our own, the published ``model_iter_8000.pth``, or its older form without ``backbone.``.

    Raises:
        CheckpointError: the file is missing, or a tensor of the network is not in it.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no trained network {path}; train first, or give one as checkpoint")

    def rename(name: str) -> str:
        return f"backbone.{name}" if name.startswith("conv") else name

    load_weights(network, read_state_dict(path), source=str(path), rename=rename)
