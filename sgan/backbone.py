"""The backbone of SGAN: VGG16 with 3x3 pools and output stride 8, under the published tensor names; and its initial weights."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from common.errors import CheckpointError, ConfigError
from common.models.backbones import BackboneConfig, backbone_weights, build_backbone
from common.models.base import Backbone, initialise_convolutions, scaled_channels
from common.models.weights import load_weights

PUBLISHED_NAME = "vgg16"
PUBLISHED_WEIGHTS = "vgg_init.pth"
# Channels and number of convolutions of each block; their numbers among torchvision's layers.
VGG_BLOCKS = {"conv1": (64, 2), "conv2": (128, 2), "conv3": (256, 3), "conv4": (512, 3), "conv5": (512, 3)}
TORCHVISION = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
CONVOLUTIONS = [f"{block}_{number}" for block, (_, length) in VGG_BLOCKS.items() for number in range(1, length + 1)]
POOLED = ("conv1_2", "conv2_2", "conv3_3")


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
        self.out_channels = 3
        for name in CONVOLUTIONS:
            channels = scaled_channels(VGG_BLOCKS[name.partition("_")[0]][0], width)
            self.add_module(name, nn.Conv2d(self.out_channels, channels, 3, padding=1))
            self.out_channels = channels
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        initialise_convolutions(self)

    @property
    def stages(self) -> list[nn.Module]:
        names = [[name for name in CONVOLUTIONS if name.startswith(block)] for block in VGG_BLOCKS]
        return [nn.ModuleList(map(self.get_submodule, of_block)) for of_block in names]

    def forward(self, images: Tensor) -> Tensor:
        """Images N x 3 x H x W to ReLU(conv5_3), N x 512 x ceil(H/8) x ceil(W/8), not negative."""
        features = images
        for name in CONVOLUTIONS:
            features = self.get_submodule(name)(features).relu_()
            if name in POOLED:
                features = self.pool(features)
        return features


def sgan_backbone(config: BackboneConfig) -> Backbone:
    """The paper's VGG16, or one of the toolbox's other backbones, with its initial weights.

    Raises:
        ConfigError: settings that the backbone does not have.
        CheckpointError: its initial weights are missing or do not fit.
    """
    if config.name != PUBLISHED_NAME:
        return build_backbone(config)
    if config.output_stride != SganVGG16.output_stride:
        raise ConfigError(f"backbone.output_stride is {config.output_stride}, but SGAN's VGG16 has 8; leave it out")
    if config.weights == PUBLISHED_WEIGHTS and not Path(config.weights).is_file():
        raise CheckpointError(
            f"there is no {PUBLISHED_WEIGHTS} here; make it with `bash sgan/stage0.sh`, fetch the published one, or give "
            "another file as pretrain"
        )
    backbone = SganVGG16(config.width)
    if config.weights:
        state, source = backbone_weights(config, backbone)
        # A classifier of stage 0 numbers its layers as torchvision does; the published file names them.
        names = {f"features.{layer}.": f"{name}." for layer, name in zip(TORCHVISION, CONVOLUTIONS, strict=True)}
        load_weights(backbone, state, source=source, rename=names)
    backbone.freeze(config.frozen_stages, config.freeze_batchnorm)
    return backbone
