"""The convolutions of VGG-16 (no batch normalisation) with torchvision's tensor names and a free output stride.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", configuration D. Dilation
as in DeepLab (Chen et al.): a pool that loses its stride becomes 3x3 with stride 1, the convolutions behind it dilate.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from common.models.base import Backbone, initialise_convolutions, plan_strides, scaled_channels

STAGE_CHANNELS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class VGG16(Backbone):
    """VGG-16 up to and including the fifth pool; five stages, each ending with its pool.

    Pools with stride 2 round sizes up, so that features cover the whole image; for sizes that are a multiple of 32
    the output at output stride 32 is torchvision's.

    Args:
        output_stride: 4, 8, 16 or 32.
        width: factor on all channels; 1.0 fits torchvision's weights.

    Raises:
        ConfigError: an unknown output stride or width.
    """

    def __init__(self, output_stride: int = 32, width: float = 1.0) -> None:
        super().__init__()
        self.output_stride = output_stride
        layers: list[nn.Module] = []
        self.stage_ends: list[int] = []
        in_channels = 3
        pools = plan_strides((2,) * len(STAGE_CHANNELS), output_stride)
        for stage_channels, pool in zip(STAGE_CHANNELS, pools, strict=True):
            dilation = pool.first_dilation
            for channels in (scaled_channels(channels, width) for channels in stage_channels):
                layers.append(nn.Conv2d(in_channels, channels, 3, padding=dilation, dilation=dilation))
                layers.append(nn.ReLU(inplace=True))
                in_channels = channels
            keeps_stride = pool.stride == 2
            layers.append(nn.MaxPool2d(2, 2, ceil_mode=True) if keeps_stride else nn.MaxPool2d(3, 1, padding=1))
            self.stage_ends.append(len(layers))
        self.features = nn.Sequential(*layers)
        self.out_channels = in_channels
        initialise_convolutions(self)

    @property
    def stages(self) -> list[nn.Module]:
        starts = [0, *self.stage_ends[:-1]]
        return [self.features[start:end] for start, end in zip(starts, self.stage_ends, strict=True)]

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images N x 3 x H x W to features N x out_channels x h x w, not negative."""
        return cast(Tensor, self.features(images))
