"""ResNet-18/34/50/101 as backbones, with torchvision's tensor names and a free output stride.

He et al., "Deep residual learning for image recognition", with the stride of a bottleneck on its 3x3 convolution (as in
torchvision; the Caffe ResNet of DeepLab-v2, which has it on the first 1x1, is another network).
"""

from __future__ import annotations

from typing import ClassVar, cast

from torch import Tensor, nn

from common.errors import ConfigError
from common.models.base import Backbone, LayerStride, initialise_convolutions, plan_strides, scaled_channels


def conv3x3(in_channels: int, out_channels: int, stride: int, dilation: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=dilation, dilation=dilation, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut; the first one carries the stride and ``first_dilation``."""

    expansion: ClassVar[int] = 1
    conv_bn_pairs: ClassVar[tuple[tuple[str, str], ...]] = (("conv1", "bn1"), ("conv2", "bn2"))

    def __init__(self, in_channels: int, channels: int, layer: LayerStride, downsample: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = conv3x3(in_channels, channels, layer.stride, layer.first_dilation)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(channels, channels, 1, layer.dilation)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """N x in_channels x h x w to N x channels x h' x w' (h / stride, rounded up), not negative."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += shortcut
        return cast(Tensor, self.relu(out))


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride and ``first_dilation``), 1x1 to four times the channels, and a shortcut."""

    expansion: ClassVar[int] = 4
    conv_bn_pairs: ClassVar[tuple[tuple[str, str], ...]] = (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"))

    def __init__(self, in_channels: int, channels: int, layer: LayerStride, downsample: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels, layer.stride, layer.first_dilation)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, channels * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """N x in_channels x h x w to N x (4 channels) x h' x w' (h / stride, rounded up), not negative."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += shortcut
        return cast(Tensor, self.relu(out))


BLOCKS: dict[int, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
}


class ResNet(Backbone):
    """ResNet backbone without pooling and classifier; stages: stem, layer1 to layer4.

    Args:
        depth: 18, 34, 50 or 101.
        output_stride: 4, 8, 16 or 32; strides beyond it become dilation.
        width: factor on all channels; 1.0 fits torchvision's weights.
        dilate: False drops the strides beyond the output stride without dilation (see :func:`plan_strides`).

    Raises:
        ConfigError: an unknown depth, output stride or width.
    """

    conv_bn_pairs: ClassVar[tuple[tuple[str, str], ...]] = (("conv1", "bn1"),)
    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(self, depth: int, output_stride: int = 32, width: float = 1.0, dilate: bool = True) -> None:
        super().__init__()
        if depth not in BLOCKS:
            raise ConfigError(f"ResNet-{depth} is not known; depths are {', '.join(map(str, BLOCKS))}.")
        block, counts = BLOCKS[depth]
        self.output_stride = output_stride
        # The first two strides are those of conv1 and the max pool, which no output stride touches.
        plan = plan_strides((2, 2, 1, 2, 2, 2), output_stride, dilate)[2:]
        channels = scaled_channels(64, width)
        self.conv1 = nn.Conv2d(3, channels, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        in_channels = channels
        stage_channels = [channels]
        for number, (count, layer) in enumerate(zip(counts, plan, strict=True), start=1):
            channels = scaled_channels(32 * 2**number, width)
            self.add_module(f"layer{number}", make_layer(block, in_channels, channels, count, layer, number > 1))
            in_channels = channels * block.expansion
            stage_channels.append(in_channels)
        self.stage_channels = tuple(stage_channels)
        self.out_channels = in_channels
        initialise_convolutions(self)

    @property
    def stages(self) -> list[nn.Module]:
        return [nn.ModuleList([self.conv1, self.bn1]), self.layer1, self.layer2, self.layer3, self.layer4]

    def stage_outputs(self, images: Tensor) -> list[Tensor]:
        """Normalised images N x 3 x H x W to the features after each stage, at strides 4, 4, 8, 16 and 32 (none beyond
        the output stride), not negative.
        """
        features = [self.maxpool(self.relu(self.bn1(self.conv1(images))))]
        for layer in self.stages[1:]:
            features.append(layer(features[-1]))
        return features

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images N x 3 x H x W to features N x out_channels x h x w, not negative."""
        features = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        return cast(Tensor, self.layer4(self.layer3(self.layer2(self.layer1(features)))))


def make_layer(
    block: type[BasicBlock] | type[Bottleneck],
    in_channels: int,
    channels: int,
    count: int,
    layer: LayerStride,
    begins_with_stride: bool,
) -> nn.Sequential:
    """``count`` blocks; ``begins_with_stride`` says whether the layer has a stride in the network without dilation.

    The shortcut of the first block depends on that and not on ``layer.stride``: the tensors of a network must not
    depend on its output stride.
    """
    out_channels = channels * block.expansion
    downsample = None
    if begins_with_stride or in_channels != out_channels:
        downsample = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, layer.stride, bias=False), nn.BatchNorm2d(out_channels)
        )
    later = LayerStride(1, layer.dilation, layer.dilation)
    blocks = [block(in_channels, channels, layer, downsample)]
    blocks += [block(out_channels, channels, later, None) for _ in range(1, count)]
    return nn.Sequential(*blocks)
