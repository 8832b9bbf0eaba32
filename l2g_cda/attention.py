"""What the last two blocks of a backbone gain: attention inside them and suppression behind them.

Attention is squeeze-and-excitation (published) or one of those with which the thesis has results. All modules map features
N x C x H x W of any sign to the same shape and keep the published tensor names (l2g_cda spec, sections 2.3, 2.4 and 9).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

AttentionName = Literal[
    "none", "se", "spatial", "eca", "simam", "nam", "channel", "position", "se+spatial", "channel+position"
]
SuppressionName = Literal["none", "fixed", "learnable"]


class SqueezeExcitation(nn.Module):
    """Channels of N x C x H x W, any sign, times sigmoid(W2 ReLU(W1 mean(x))) (Hu et al., 2018), without biases."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        inner = max(1, channels // reduction)
        squeeze, excite = nn.Linear(channels, inner, bias=False), nn.Linear(inner, channels, bias=False)
        self.fc = nn.Sequential(squeeze, nn.ReLU(), excite, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.fc(x.mean(dim=(2, 3)))[:, :, None, None]


class SpatialAttention(nn.Module):
    """Pixels of N x C x H x W, any sign, weighted by the sigmoid of one 1x1 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.conv(x))


class EfficientChannelAttention(nn.Module):
    """ECA: channels of N x C x H x W, any sign, weighted by a convolution along their means (Wang et al., 2020)."""

    def __init__(self, channels: int, size: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.conv(x.mean(dim=(2, 3))[:, None]))[:, 0, :, None, None]


class SimAM(nn.Module):
    """Pixels of N x C x H x W, any sign, weighted by energy: distance from the channel's mean (Yang et al., 2021)."""

    def __init__(self, channels: int, regularisation: float = 1e-4) -> None:
        super().__init__()
        self.regularisation = regularisation

    def forward(self, x: Tensor) -> Tensor:
        squares = (x - x.mean(dim=(2, 3), keepdim=True)).square()
        variance = squares.sum(dim=(2, 3), keepdim=True) / (x.shape[2] * x.shape[3] - 1)
        return x * torch.sigmoid(squares / (4 * (variance + self.regularisation)) + 0.5)


class NormalisationAttention(nn.Module):
    """NAM (Liu et al., 2021): channels of N x C x H x W, any sign, weighted by detached shares of BatchNorm factors."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        sizes = self.bn2.weight.detach().abs()
        return x * torch.sigmoid(self.bn2(x) * (sizes / sizes.sum())[:, None, None])


class ChannelSelfAttention(nn.Module):
    """Channel attention of DANet (Fu et al.), N x C x H x W, any sign; channels exchange what they do not share."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2)
        energy = torch.matmul(rows, rows.transpose(1, 2))
        weights = (energy.amax(2, keepdim=True) - energy).softmax(2)
        return self.gamma * torch.matmul(weights, rows).view_as(x) + x


class PositionSelfAttention(nn.Module):
    """Position attention of DANet on N x C x H x W, any sign: every pixel is a weighted sum over all pixels."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        inner = max(1, channels // reduction)
        self.query_conv = nn.Conv2d(channels, inner, 1)
        self.key_conv = nn.Conv2d(channels, inner, 1)
        self.value_conv = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        query, key = self.query_conv(x).flatten(2), self.key_conv(x).flatten(2)
        weights = torch.matmul(query.transpose(1, 2), key).softmax(2)
        mixed = torch.matmul(self.value_conv(x).flatten(2), weights.transpose(1, 2))
        return self.gamma * mixed.view_as(x) + x


ATTENTION_MODULES: Mapping[str, Callable[[int], nn.Module]] = {
    "se": SqueezeExcitation,
    "spatial": SpatialAttention,
    "eca": EfficientChannelAttention,
    "simam": SimAM,
    "nam": NormalisationAttention,
    "channel": ChannelSelfAttention,
    "position": PositionSelfAttention,
}


def build_attention(name: AttentionName, channels: int) -> nn.Module | None:
    """The module of that name, None for ``none``; names joined by ``+`` follow one another."""
    if name == "none":
        return None
    parts = [ATTENTION_MODULES[part](channels) for part in name.split("+")]
    return parts[0] if len(parts) == 1 else nn.Sequential(*parts)


class FixedSuppression(nn.Module):
    """min(x, share * max of x over the pixels), by channel of N x C x H x W, any sign (l2g_cda spec, section 2.3).

    Strong activations of a channel are cut, weak ones gain weight (Kim et al., "Discriminative region suppression for
    weakly-supervised semantic segmentation", AAAI 2021; share 0.55 there). A channel whose maximum is negative is left as
    it is by a share below 1.
    """

    def __init__(self, share: float = 0.55) -> None:
        super().__init__()
        self.share = share

    def shares(self, x: Tensor) -> Tensor | float:
        """The share of every channel, in 0..1: a number, or N x C x 1 x 1."""
        return self.share

    def forward(self, x: Tensor) -> Tensor:
        return torch.minimum(x, x.amax(dim=(2, 3), keepdim=True) * self.shares(x))


class LearnableSuppression(FixedSuppression):
    """The share of each channel, N x C x 1 x 1 in 0..1, is predicted from the channels' means: sigmoid(W mean(x))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(channels, channels, bias=False), nn.Sigmoid())

    def shares(self, x: Tensor) -> Tensor:
        shares: Tensor = self.fc(x.mean(dim=(2, 3)))
        return shares[:, :, None, None]


def build_suppression(name: SuppressionName, channels: int, share: float) -> nn.Module | None:
    """The suppression of that name for features with ``channels`` channels, None for ``none``."""
    if name == "fixed":
        return FixedSuppression(share)
    return LearnableSuppression(channels) if name == "learnable" else None
