"""DeepLab-v2 on VGG16 as its Caffe description has it (sgan spec, section 2.2), under the published tensor names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.errors import ConfigError
from common.models.base import scaled_channels
from common.models.vgg import STAGE_CHANNELS

HIDDEN_CHANNELS = 1024
RATES = (6, 12, 18, 24)
# The first three pools have stride 2; the fifth stage is dilated for the stride that the fourth pool lost.
STRIDES = (2, 2, 2, 1, 1)
DILATIONS = (1, 1, 1, 1, 2)
OUTPUT_STRIDE = 8
# About the standard deviation of photographs in grey levels (ImageNet's).
GREY_LEVEL_STD = 58.0


class DeepLabVGG16(nn.Module):
    """Images N x 3 x H x W (BGR minus mean) -> logits N x n_labels x h x w.

    As in Caffe, pools round up: each of the first three takes n to ceil((n - 1) / 2) + 1 (64 gives 33, 17, 9 cells). For
    H = 8k + 1 these are k + 1 cells whose centres are the pixels 0, 8, 16, ...

    Args:
        n_labels: labels with background.
        width: factor on all hidden channels; 1.0 is the published network.
        rates: dilations of the parallel branches ``fc6_1``, ``fc6_2``, ...

    Raises:
        ConfigError: there is no branch.
    """

    def __init__(self, n_labels: int, width: float = 1.0, rates: Sequence[int] = RATES) -> None:
        super().__init__()
        require_rates(rates)
        in_channels = 3
        for stage, stage_channels in enumerate(STAGE_CHANNELS, start=1):
            for number, channels in enumerate(stage_channels, start=1):
                out_channels = scaled_channels(channels, width)
                self.add_module(f"conv{stage}_{number}", atrous(in_channels, out_channels, DILATIONS[stage - 1]))
                in_channels = out_channels
        hidden = scaled_channels(HIDDEN_CHANNELS, width)
        self.n_branches = len(rates)
        for branch, rate in enumerate(rates, start=1):
            self.add_module(f"fc6_{branch}", atrous(in_channels, hidden, rate))
            self.add_module(f"fc7_{branch}", nn.Conv2d(hidden, hidden, 1))
            self.add_module(f"fc8_{branch}", nn.Conv2d(hidden, n_labels, 1))
        self.initialise()

    def initialise(self) -> None:
        """He's initialisation of hidden layers, as published for the last ones: N(0, 0.01); biases 0."""
        for name, child in self.named_children():
            layer = cast(nn.Conv2d, child)
            initialise_head(layer)
            if not name.startswith("fc8_"):
                nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
        # Images are not divided by their standard deviation: the first layer does it, or the first logits would be so
        # large that their softmax has no gradient.
        with torch.no_grad():
            cast(nn.Conv2d, self.get_submodule("conv1_1")).weight.div_(GREY_LEVEL_STD)

    def features(self, images: Tensor) -> Tensor:
        """The body, N x 512 x h x w; the average pool counts its padding, as Caffe's does."""
        features = images
        for stage, (stage_channels, stride) in enumerate(zip(STAGE_CHANNELS, STRIDES, strict=True), start=1):
            for number in range(1, len(stage_channels) + 1):
                features = functional.relu(self.get_submodule(f"conv{stage}_{number}")(features), inplace=True)
            features = functional.max_pool2d(features, 3, stride, padding=1, ceil_mode=True)
        return functional.avg_pool2d(features, 3, stride=1, padding=1)

    def branch(self, features: Tensor, number: int) -> Tensor:
        """Logits of one branch."""
        for name in ("fc6", "fc7"):
            hidden = functional.relu(self.get_submodule(f"{name}_{number}")(features), inplace=True)
            features = functional.dropout(hidden, 0.5, self.training)
        logits: Tensor = self.get_submodule(f"fc8_{number}")(features)
        return logits

    def forward(self, images: Tensor) -> Tensor:
        features = self.features(images)
        logits = self.branch(features, 1)
        for number in range(2, self.n_branches + 1):
            logits = logits + self.branch(features, number)
        return logits


def atrous(in_channels: int, out_channels: int, rate: int) -> nn.Conv2d:
    """3x3 convolution that keeps the size."""
    return nn.Conv2d(in_channels, out_channels, 3, padding=rate, dilation=rate)


def initialise_head(layer: nn.Conv2d) -> nn.Conv2d:
    """Weights N(0, 0.01), biases 0, as published for the last layers."""
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(cast(Tensor, layer.bias))
    return layer


def require_rates(rates: Sequence[int]) -> None:
    """Raise :class:`ConfigError` unless there is at least one dilation."""
    if not rates or min(rates) < 1:
        raise ConfigError(f"network.rates is {list(rates)}; give at least one dilation, the published are {RATES}")
