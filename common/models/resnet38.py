"""The wide ResNet-38 of Wu et al. ("Wider or deeper: revisiting the ResNet model") as the field uses it, with published names.

Pre-activation blocks, no biases, output stride 8 (l2g_cda spec, section 2.1). Three activations are tapped: inside b5
(conv4), inside b6 (conv5) and after the last block (conv6); SMAF, EPS, SEAM and L2G build their heads on them.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from common.errors import ConfigError
from common.models.base import Backbone, initialise_convolutions, scaled_channels
from common.models.mxnet_params import read_mxnet_params
from common.models.weights import read_state_dict

# Name of a level of equal resolution -> number of its plain blocks, published channels (within, out), stride.
LEVELS = {"b2": (3, 128, 128, 2), "b3": (3, 256, 256, 2), "b4": (6, 512, 512, 2), "b5": (3, 512, 1024, 1)}
STEM_CHANNELS = 64
STRIDE = 8


class Taps(NamedTuple):
    """Features of one forward pass, all ``ceil(H / 8) x ceil(W / 8)`` for images H x W.

    Attributes:
        conv4: N x 512 x h x w, the activation inside b5.
        conv5: N x 1024 x h x w, the activation inside b6.
        conv6: N x 4096 x h x w, the last activation.
    """

    conv4: Tensor
    conv5: Tensor
    conv6: Tensor


def convolution(in_channels: int, out_channels: int, size: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A convolution without bias that keeps the image size at stride 1."""
    padding = dilation * (size // 2)
    return nn.Conv2d(in_channels, out_channels, size, stride, padding, dilation, bias=False)


class PlainBlock(nn.Module):
    """BatchNorm, ReLU, 3x3, BatchNorm, ReLU, 3x3, plus a shortcut.

    Args:
        channels: in, within, out.
        stride: of the first convolution and of the shortcut.
        dilations: of the two convolutions.
    """

    conv_bn_pairs = (("conv_branch2a", "bn_branch2b1"),)

    def __init__(self, channels: tuple[int, int, int], stride: int = 1, dilations: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        inside, middle, outside = channels
        self.bn_branch2a = nn.BatchNorm2d(inside)
        self.conv_branch2a = convolution(inside, middle, 3, stride, dilations[0])
        self.bn_branch2b1 = nn.BatchNorm2d(middle)
        self.conv_branch2b1 = convolution(middle, outside, 3, dilation=dilations[1])
        keeps_shape = inside == outside and stride == 1
        self.conv_branch1 = None if keeps_shape else convolution(inside, outside, 1, stride)

    def activation(self, x: Tensor) -> Tensor:
        """What enters the convolutions, and is tapped: N x C x h x w like ``x``, not negative."""
        return relu(self.bn_branch2a(x))

    def forward(self, x: Tensor, activation: Tensor | None = None) -> Tensor:
        """``x`` N x C x h x w, and its :meth:`activation` if known, to N x C' x h' x w' (h / stride), any sign."""
        active = self.activation(x) if activation is None else activation
        shortcut = x if self.conv_branch1 is None else self.conv_branch1(active)
        return cast(Tensor, shortcut + self.conv_branch2b1(relu(self.bn_branch2b1(self.conv_branch2a(active)))))


class BottleneckBlock(nn.Module):
    """BatchNorm, ReLU, 1x1, 3x3, 1x1 with dropout between, plus a 1x1 shortcut; out/4 and out/2 channels within."""

    conv_bn_pairs = (("conv_branch2a", "bn_branch2b1"), ("conv_branch2b1", "bn_branch2b2"))

    def __init__(self, in_channels: int, out_channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.bn_branch2a = nn.BatchNorm2d(in_channels)
        self.conv_branch2a = convolution(in_channels, out_channels // 4, 1)
        self.bn_branch2b1 = nn.BatchNorm2d(out_channels // 4)
        self.dropout_2b1 = nn.Dropout2d(dropout)
        self.conv_branch2b1 = convolution(out_channels // 4, out_channels // 2, 3, dilation=dilation)
        self.bn_branch2b2 = nn.BatchNorm2d(out_channels // 2)
        self.dropout_2b2 = nn.Dropout2d(dropout)
        self.conv_branch2b2 = convolution(out_channels // 2, out_channels, 1)
        self.conv_branch1 = convolution(in_channels, out_channels, 1)

    def activation(self, x: Tensor) -> Tensor:
        """What enters the convolutions, and is tapped: N x C x h x w like ``x``, not negative."""
        return relu(self.bn_branch2a(x))

    def main_path(self, activation: Tensor) -> Tensor:
        """Everything but the shortcut, N x out_channels x h x w, any sign; a subclass may add an attention module to it."""
        inner = self.dropout_2b1(relu(self.bn_branch2b1(self.conv_branch2a(activation))))
        inner = self.dropout_2b2(relu(self.bn_branch2b2(self.conv_branch2b1(inner))))
        return cast(Tensor, self.conv_branch2b2(inner))

    def forward(self, x: Tensor, activation: Tensor | None = None) -> Tensor:
        """``x`` N x C x h x w, and its :meth:`activation` if known, to N x out_channels x h x w, any sign."""
        active = self.activation(x) if activation is None else activation
        return cast(Tensor, self.conv_branch1(active) + self.main_path(active))


class ResNet38(Backbone):
    """Wide ResNet-38 without classifier; stages: stem (conv1a, b2), b3, b4, b5, b6 and b7.

    Args:
        width: factor on all channels; 1.0 fits the published weights.

    Raises:
        ConfigError: ``width`` is not positive.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        self.output_stride = STRIDE
        channels = scaled_channels(STEM_CHANNELS, width)
        self.conv1a = convolution(3, channels, 3)
        for level, (count, middle, outside, stride) in LEVELS.items():
            inner, outer = scaled_channels(middle, width), scaled_channels(outside, width)
            dilated = level == "b5"
            for number in range(count):
                dilations = (2 if dilated and number else 1, 2 if dilated else 1)
                block = PlainBlock((channels, inner, outer), 1 if number else stride, dilations)
                self.add_module(level if number == 0 else f"{level}_{number}", block)
                channels = outer
        sixth, self.out_channels = scaled_channels(2048, width), scaled_channels(4096, width)
        self.tap_channels = (scaled_channels(512, width), channels, self.out_channels)
        self.b6 = self.bottleneck(channels, sixth, 4, 0.3)
        self.b7 = self.bottleneck(sixth, self.out_channels, 4, 0.5)
        self.bn7 = nn.BatchNorm2d(self.out_channels)
        initialise_convolutions(self)

    def bottleneck(self, in_channels: int, out_channels: int, dilation: int, dropout: float) -> BottleneckBlock:
        """Builds b6 and b7; a subclass may build blocks with more in them."""
        return BottleneckBlock(in_channels, out_channels, dilation, dropout)

    def after_block(self, name: str, features: Tensor) -> Tensor:
        """What happens to the output of b6 and b7 (N x C x h x w, any sign); a subclass may change its values."""
        return features

    def level(self, name: str) -> list[PlainBlock]:
        """The plain blocks of a level: b4 gives b4, b4_1, ... b4_5."""
        names = [name, *(f"{name}_{number}" for number in range(1, LEVELS[name][0]))]
        return [cast(PlainBlock, self.get_submodule(block)) for block in names]

    @property
    def stages(self) -> list[nn.Module]:
        levels = {name: self.level(name) for name in LEVELS}
        stem = nn.ModuleList([self.conv1a, *levels.pop("b2")])
        last = nn.ModuleList([self.b6, self.b7, self.bn7, *self.added_modules()])
        return [stem, *(nn.ModuleList(blocks) for blocks in levels.values()), last]

    def added_modules(self) -> list[nn.Module]:
        """Modules with parameters that a subclass has beside the blocks."""
        return []

    def taps(self, images: Tensor) -> Taps:
        """Normalised images N x 3 x H x W to the three tapped features, none negative."""
        x = self.conv1a(images)
        for name in ("b2", "b3", "b4"):
            for block in self.level(name):
                x = block(x)
        first, *others = self.level("b5")
        conv4 = first.activation(x)
        x = first(x, conv4)
        for block in others:
            x = block(x)
        conv5 = self.b6.activation(x)
        x = self.after_block("b6", self.b6(x, conv5))
        x = self.after_block("b7", self.b7(x))
        return Taps(conv4, conv5, relu(self.bn7(x)))

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images N x 3 x H x W to features N x out_channels x h x w, not negative: the tap conv6."""
        return self.taps(images).conv6


def published_tensor_name(name: str) -> str | None:
    """Our name for a tensor of the ImageNet ResNet-38 (an MXNet file), None for those of its classifier.

    ``arg:res4b3_branch2b1_weight`` is ``b4_3.conv_branch2b1.weight`` (l2g_cda spec, section 2.6).

    Raises:
        ConfigError: the name follows another scheme.
    """
    layer, _, kind = name.partition(":")[2].partition("_") if ":" in name else name.partition("_")
    if layer.startswith("linear"):
        return None
    statistics = {"beta": "bias", "gamma": "weight", "moving_mean": "running_mean", "moving_var": "running_var"}
    branch, _, rest = kind.partition("_")
    if not branch.startswith("branch"):
        branch, rest = "", kind
    tensor = statistics.get(rest, rest)
    if tensor not in (*statistics.values(), "weight"):
        raise ConfigError(f"{name} is not a tensor name of the published ResNet-38; choose its ImageNet file.")
    if not branch:
        return f"{'conv1a' if layer.startswith('conv1a') else layer}.{tensor}"
    kind, block = ("bn", layer[2:]) if layer.startswith("bn") else ("conv", layer.removeprefix("res"))
    level, unit = block[0], block[1:]
    number = "" if unit == "a" else f"_{unit[1:] or 1}"
    return f"b{level}{number}.{kind}_{branch}.{tensor}"


def renamed_published_weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the ImageNet ResNet-38 under our names, its classifier left out."""
    named = {published_tensor_name(name): tensor for name, tensor in state.items()}
    return {name: torch.as_tensor(tensor) for name, tensor in named.items() if name is not None}


def read_resnet38_weights(path: str, network: nn.Module | None = None) -> dict[str, Tensor]:
    """ImageNet weights from the published MXNet file (``.params``) or a file with torch's names; see :func:`read_state_dict`."""
    if Path(path).suffix == ".params":
        return renamed_published_weights(read_mxnet_params(path))
    return read_state_dict(path, network)
