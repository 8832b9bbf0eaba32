"""Suppression of discriminative regions (DRS): strong activations of a channel are cut, weak ones gain weight.

Kim et al., "Discriminative region suppression for weakly-supervised semantic segmentation" (AAAI 2021); l2g_cda spec,
section 2.3.
"""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

SuppressionName = Literal["none", "fixed", "learnable"]


def suppress(features: Tensor, share: Tensor | float) -> Tensor:
    """min(x, share * max of x over the pixels), channel by channel.

    A channel whose maximum is negative is left as it is by a share below 1.

    Args:
        features: N x C x H x W.
        share: a number, or N x C x 1 x 1.
    """
    return torch.minimum(features, features.amax(dim=(2, 3), keepdim=True) * share)


class FixedSuppression(nn.Module):
    """Every channel is cut at ``share`` of its maximum.

    Args:
        share: delta of the paper, 0.55 there.
        relu_first: cut the positive part (as the DRS paper, where it replaces every ReLU), not the signed features.
    """

    def __init__(self, share: float = 0.55, relu_first: bool = False) -> None:
        super().__init__()
        self.share, self.relu_first = share, relu_first

    def forward(self, x: Tensor) -> Tensor:
        return suppress(relu(x) if self.relu_first else x, self.share)


class LearnableSuppression(nn.Module):
    """The share of each channel is predicted from the channels' means: sigmoid(W mean(x)).

    Args:
        channels: of the features.
        relu_first: as :class:`FixedSuppression`.
    """

    def __init__(self, channels: int, relu_first: bool = False) -> None:
        super().__init__()
        self.relu_first = relu_first
        self.fc = nn.Sequential(nn.Linear(channels, channels, bias=False), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        x = relu(x) if self.relu_first else x
        share = cast(Tensor, self.fc(x.mean(dim=(2, 3))))
        return suppress(x, share[:, :, None, None])


def build_suppression(name: SuppressionName, channels: int, share: float) -> nn.Module | None:
    """The suppression of that name for features with ``channels`` channels, None for ``none``."""
    if name == "fixed":
        return FixedSuppression(share)
    return LearnableSuppression(channels) if name == "learnable" else None
