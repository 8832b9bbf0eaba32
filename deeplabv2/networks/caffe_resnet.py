"""The ResNet of the Caffe DeepLab models: stride on the first 1x1 convolution, ceil-mode pool, dilation from layer4 on.

deeplabv2 spec, section 2.1. Torchvision's weights do not fit: there the stride is on the 3x3 convolution
(:mod:`common.models.resnet`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

# Caffe keeps 0.999 of the running average at each step.
BATCHNORM_MOMENTUM = 0.001


class ConvBatchNorm(nn.Sequential):
    """Convolution without bias, BatchNorm and, with ``relu``, ReLU; the size changes by ``stride`` only."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, dilation: int = 1, relu: bool = True
    ) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, momentum=BATCHNORM_MOMENTUM)
        if relu:
            self.relu = nn.ReLU(inplace=True)


class CaffeBottleneck(nn.Module):
    """N x C x h x w, not negative: strided 1x1, dilated 3x3, 1x1, plus the input (by a strided 1x1 if ``projects``)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, dilation: int, projects: bool) -> None:
        super().__init__()
        middle = out_channels // 4
        self.reduce = ConvBatchNorm(in_channels, middle, 1, stride)
        self.conv3x3 = ConvBatchNorm(middle, middle, 3, dilation=dilation)
        self.increase = ConvBatchNorm(middle, out_channels, 1, relu=False)
        self.shortcut = ConvBatchNorm(in_channels, out_channels, 1, stride, relu=False) if projects else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        residual = self.increase(self.conv3x3(self.reduce(features)))
        return functional.relu(residual + self.shortcut(features), inplace=True)


class Layer(NamedTuple):
    """One group of bottlenecks: its output channels, the stride of its first block, the dilation of all its blocks."""

    channels: int
    stride: int
    dilation: int


LAYERS = {
    "layer2": Layer(256, 1, 1),
    "layer3": Layer(512, 2, 1),
    "layer4": Layer(1024, 1, 2),
    "layer5": Layer(2048, 1, 4),
}
OUT_CHANNELS = LAYERS["layer5"].channels


def caffe_resnet(n_blocks: Sequence[int]) -> OrderedDict[str, nn.Module]:
    """The layers of the body by name, output stride 8, 2048 channels.

    Args:
        n_blocks: bottlenecks of layer2 to layer5; (3, 4, 23, 3) is ResNet-101.
    """
    parts: OrderedDict[str, nn.Module] = OrderedDict(layer1=stem())
    in_channels = 64
    for (name, layer), count in zip(LAYERS.items(), n_blocks, strict=True):
        parts[name] = residual_layer(in_channels, layer, count)
        in_channels = layer.channels
    return parts


def stem() -> nn.Sequential:
    """7x7 convolution and max pool, each with stride 2."""
    pool = nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True)
    return nn.Sequential(OrderedDict(conv1=ConvBatchNorm(3, 64, 7, stride=2), pool=pool))


def residual_layer(in_channels: int, layer: Layer, n_blocks: int) -> nn.Sequential:
    """Blocks ``block1``, ``block2``, ...; the first has the stride and the projection."""
    first = CaffeBottleneck(in_channels, layer.channels, layer.stride, layer.dilation, projects=True)
    blocks: OrderedDict[str, nn.Module] = OrderedDict(block1=first)
    for number in range(2, n_blocks + 1):
        blocks[f"block{number}"] = CaffeBottleneck(layer.channels, layer.channels, 1, layer.dilation, projects=False)
    return nn.Sequential(blocks)
