"""The backbone of SGAN: VGG16 with 3x3 pools and output stride 8, under the published tensor names; and its initial weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from torch import Tensor, nn

from common.errors import CheckpointError, ConfigError
from common.models.backbones import BODY_PREFIXES, BackboneConfig, backbone_weights, build_body
from common.models.base import Backbone, initialise_convolutions, scaled_channels
from common.models.weights import load_weights

VGG16 = "vgg16"
PUBLISHED_WEIGHTS = "vgg_init.pth"
BLOCKS = {"conv1": (64, 64), "conv2": (128, 128), "conv3": (256,) * 3, "conv4": (512,) * 3, "conv5": (512,) * 3}
POOLED = ("conv1", "conv2", "conv3")


class SganVGG16(Backbone):
    """The thirteen convolutions of VGG16, ReLU after each, a 3x3 pool with stride 2 behind the first three blocks.

    Neither the fourth and fifth pool nor any dilation (sgan spec, section 2.1): each side of the output is
    ceil(side / 8), for every input size.

    Args:
        width: factor on all channels; 1.0 is the published network.
    """

    output_stride = 8

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        in_channels = 3
        for block, block_channels in BLOCKS.items():
            for number, channels in enumerate(block_channels, start=1):
                channels = scaled_channels(channels, width)
                self.add_module(f"{block}_{number}", nn.Conv2d(in_channels, channels, 3, padding=1))
                in_channels = channels
        self.out_channels = in_channels
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        initialise_convolutions(self)

    @property
    def stages(self) -> list[nn.Module]:
        return [nn.ModuleList(self.block(name)) for name in BLOCKS]

    def block(self, name: str) -> list[nn.Module]:
        return [self.get_submodule(f"{name}_{number}") for number in range(1, len(BLOCKS[name]) + 1)]

    def forward(self, images: Tensor) -> Tensor:
        """Images N x 3 x H x W to ReLU(conv5_3), N x 512 x ceil(H/8) x ceil(W/8)."""
        features = images
        for name in BLOCKS:
            for convolution in self.block(name):
                features = convolution(features).relu_()
            if name in POOLED:
                features = self.pool(features)
        return features


def sgan_backbone(config: BackboneConfig) -> Backbone:
    """The paper's VGG16, or one of the toolbox's other backbones, with its initial weights.

    Raises:
        ConfigError: settings that the backbone does not have.
        CheckpointError: its initial weights are missing or do not fit.
    """
    backbone: Backbone
    if config.name == VGG16:
        if config.output_stride != SganVGG16.output_stride:
            raise ConfigError(f"backbone.output_stride is {config.output_stride}, but SGAN's VGG16 has 8; leave it out")
        backbone = SganVGG16(config.width)
    else:
        backbone = build_body(dataclasses.replace(config, weights=""))
    if config.weights == PUBLISHED_WEIGHTS and not Path(config.weights).is_file():
        raise CheckpointError(
            f"there is no {PUBLISHED_WEIGHTS} here; make it with `bash sgan/stage0.sh`, fetch the published one, or give "
            "another file as pretrain"
        )
    if config.weights:
        state, source = backbone_weights(config)
        rename = torchvision_names() if config.name == VGG16 else {}
        load_weights(backbone, state, source=source, strip_prefixes=BODY_PREFIXES, rename=rename)
    backbone.freeze(config.frozen_stages, config.freeze_batchnorm)
    return backbone


def torchvision_names() -> dict[str, str]:
    """The name in torchvision's VGG16, and in a classifier of stage 0 -> own name: there layers are numbered."""
    renamed, position = {}, 0
    for block, channels in BLOCKS.items():
        for number in range(1, len(channels) + 1):
            renamed[f"features.{position}."] = f"{block}_{number}."
            position += 2
        # The pool behind each block has a number too.
        position += 1
    return renamed
