"""MobileNetV2 as a backbone, with torchvision's tensor names and a free output stride.

Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks".
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from common.models.base import Backbone, LayerStride, initialise_convolutions, plan_strides, scaled_channels

# Expansion, channels, number of blocks, stride: table 2 of the paper.
GROUPS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
# Index in ``features`` at which each stage begins: where the undilated network has a stride.
STAGE_STARTS = (0, 2, 4, 7, 14)
# Index in GROUPS of the last row of each stage but the last stage.
STAGE_ROWS = (0, 1, 2, 4)


def conv_bn_relu6(
    in_channels: int, out_channels: int, kernel: int, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Sequential:
    padding = (kernel - 1) // 2 * dilation
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation, groups, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """1x1 expansion, 3x3 depthwise, linear 1x1; ``residual`` adds the input."""

    def __init__(
        self, in_channels: int, out_channels: int, expansion: int, stride: int, dilation: int, residual: bool
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.residual = residual
        layers: list[nn.Module] = [] if expansion == 1 else [conv_bn_relu6(in_channels, hidden, 1)]
        layers.append(conv_bn_relu6(hidden, hidden, 3, stride, dilation, groups=hidden))
        layers += [nn.Conv2d(hidden, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """N x in_channels x h x w to N x out_channels x h' x w' (h / stride, rounded up), any sign."""
        return cast(Tensor, x + self.conv(x) if self.residual else self.conv(x))


class MobileNetV2(Backbone):
    """MobileNetV2 without pooling and classifier; five stages, each beginning with a stride.

    Args:
        output_stride: 4, 8, 16 or 32; strides beyond it become dilation.
        width: factor on all channels (torchvision's ``width_mult``: the last 1280 never get fewer).
        last_convolution: keep the 1x1 convolution from 320 to 1280 channels, made for classification;
            segmentation heads usually go on the 320.

    Raises:
        ConfigError: an unknown output stride or width.
    """

    def __init__(self, output_stride: int = 32, width: float = 1.0, last_convolution: bool = True) -> None:
        super().__init__()
        self.output_stride = output_stride
        plan = plan_strides((2, *(stride for *_, stride in GROUPS)), output_stride)
        channels = scaled_channels(32, width)
        layers: list[nn.Module] = [conv_bn_relu6(3, channels, 3, stride=2)]
        for group, layer in zip(GROUPS, plan[1:], strict=True):
            out_channels = scaled_channels(group[1], width)
            layers += make_group(channels, out_channels, group, layer)
            channels = out_channels
        if last_convolution:
            last_channels = scaled_channels(1280, max(1.0, width))
            layers.append(conv_bn_relu6(channels, last_channels, 1))
            channels = last_channels
        self.features = nn.Sequential(*layers)
        self.out_channels = channels
        # The channels of a stage are those of the last row of the table that belongs to it.
        self.stage_channels = (*(scaled_channels(GROUPS[row][1], width) for row in STAGE_ROWS), channels)
        initialise_convolutions(self)

    @property
    def stages(self) -> list[nn.Module]:
        ends = [*STAGE_STARTS[1:], len(self.features)]
        return [self.features[start:end] for start, end in zip(STAGE_STARTS, ends, strict=True)]

    def stage_outputs(self, images: Tensor) -> list[Tensor]:
        """Normalised images N x 3 x H x W to the features after each stage, at strides 2, 4, 8, 16 and 32 (none beyond
        the output stride), any sign.
        """
        features: list[Tensor] = []
        for stage in self.stages:
            features.append(stage(features[-1] if features else images))
        return features

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images N x 3 x H x W to features N x C x h x w: 0..6, any sign without ``last_convolution``."""
        return cast(Tensor, self.features(images))


def make_group(
    in_channels: int, out_channels: int, group: tuple[int, int, int, int], layer: LayerStride
) -> list[nn.Module]:
    """The blocks of one row of the paper's table.

    Whether a block is residual follows the undilated network, so that the output stride changes nothing but sampling.
    """
    expansion, _, count, undilated_stride = group
    first_residual = undilated_stride == 1 and in_channels == out_channels
    blocks: list[nn.Module] = [
        InvertedResidual(in_channels, out_channels, expansion, layer.stride, layer.first_dilation, first_residual)
    ]
    for _ in range(1, count):
        blocks.append(InvertedResidual(out_channels, out_channels, expansion, 1, layer.dilation, residual=True))
    return blocks
