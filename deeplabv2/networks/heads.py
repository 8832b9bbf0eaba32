"""Heads: from features to logits.

DeepLab-v2 sums parallel atrous convolutions (ASPP; Chen et al., 2016, section 3.2); DeepLab-v1 has one branch with a
large field of view and two hidden layers (LargeFOV); DeepLab-v2 on VGG-16 sums four such branches.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeVar

from torch import Tensor, nn

HIDDEN_CHANNELS = 1024
LARGE_FOV_RATE = 12

Head = TypeVar("Head", bound=nn.Module)


class SummedBranches(nn.Module):
    """Parallel branches ``c0``, ``c1``, ... on the same features; their outputs are summed."""

    def __init__(self, branches: Sequence[nn.Module]) -> None:
        super().__init__()
        for number, branch in enumerate(branches):
            self.add_module(f"c{number}", branch)

    def forward(self, features: Tensor) -> Tensor:
        """Features N x C x h x w -> logits N x n_labels x h x w."""
        return add_up([branch(features) for branch in self.children()])


def add_up(outputs: Sequence[Tensor]) -> Tensor:
    """Sum of tensors of one shape, from the first to the last."""
    total = outputs[0]
    for output in outputs[1:]:
        total = total + output
    return total


def atrous_convolution(in_channels: int, out_channels: int, rate: int) -> nn.Conv2d:
    """3x3 convolution with bias that keeps the size."""
    return nn.Conv2d(in_channels, out_channels, 3, padding=rate, dilation=rate)


def atrous_pyramid(in_channels: int, n_labels: int, rates: Sequence[int]) -> SummedBranches:
    """ASPP-L without hidden layers: one 3x3 convolution per rate."""
    return initialised(SummedBranches([atrous_convolution(in_channels, n_labels, rate) for rate in rates]))


def hidden_atrous_pyramid(in_channels: int, n_labels: int, rates: Sequence[int]) -> SummedBranches:
    """ASPP of the VGG-16 network: per rate a branch with two hidden layers."""
    branches = [nn.Sequential(*hidden_branch(in_channels, n_labels, rate, nn.Dropout)) for rate in rates]
    return initialised(SummedBranches(branches))


def large_fov(in_channels: int, n_labels: int) -> nn.Sequential:
    """LargeFOV: one branch of rate 12; dropout takes whole channels."""
    names = ("conv6", "relu6", "drop6", "conv7", "relu7", "drop7", "conv8")
    layers = hidden_branch(in_channels, n_labels, LARGE_FOV_RATE, nn.Dropout2d)
    return initialised(nn.Sequential(OrderedDict(zip(names, layers, strict=True))))


def hidden_branch(
    in_channels: int, n_labels: int, rate: int, dropout: type[nn.Dropout] | type[nn.Dropout2d]
) -> list[nn.Module]:
    """Atrous 3x3, 1x1, 1x1 with ReLU and dropout 0.5 between them."""
    hidden = HIDDEN_CHANNELS
    layers: list[nn.Module] = [atrous_convolution(in_channels, hidden, rate), nn.ReLU(inplace=True), dropout(0.5)]
    layers += [nn.Conv2d(hidden, hidden, 1), nn.ReLU(inplace=True), dropout(0.5)]
    return [*layers, nn.Conv2d(hidden, n_labels, 1)]


def initialised(head: Head) -> Head:
    """Convolution weights N(0, 0.01), biases 0 (Caffe's initial values of a new head)."""
    for layer in head.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=0.01)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return head
