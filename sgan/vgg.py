"""The body of SGAN: VGG16 with 3x3 pools and output stride 8, under the published tensor names."""

from __future__ import annotations

from torch import Tensor, nn

from common.models.base import Backbone, initialise_convolutions, scaled_channels

BLOCKS = (
    ("conv1", (64, 64)),
    ("conv2", (128, 128)),
    ("conv3", (256,) * 3),
    ("conv4", (512,) * 3),
    ("conv5", (512,) * 3),
)
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
        for block, block_channels in BLOCKS:
            for number, channels in enumerate(block_channels, start=1):
                channels = scaled_channels(channels, width)
                self.add_module(f"{block}_{number}", nn.Conv2d(in_channels, channels, 3, padding=1))
                in_channels = channels
        self.out_channels = in_channels
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        initialise_convolutions(self)

    @property
    def stages(self) -> list[nn.Module]:
        return [nn.ModuleList(self.block(name, len(channels))) for name, channels in BLOCKS]

    def block(self, name: str, length: int) -> list[nn.Module]:
        return [self.get_submodule(f"{name}_{number}") for number in range(1, length + 1)]

    def forward(self, images: Tensor) -> Tensor:
        """Images N x 3 x H x W to ReLU(conv5_3), N x 512 x ceil(H/8) x ceil(W/8)."""
        features = images
        for name, channels in BLOCKS:
            for convolution in self.block(name, len(channels)):
                features = convolution(features).relu_()
            if name in POOLED:
                features = self.pool(features)
        return features
