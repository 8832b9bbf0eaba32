"""What the last two blocks of a backbone gain: attention inside them and suppression behind them.

Attention is squeeze-and-excitation (published) or one of those it was compared with. All modules map features
N x C x H x W of any sign to the same shape and keep the published tensor names (l2g_cda spec, sections 2.3, 2.4 and 9).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import relu


class SqueezeExcitation(nn.Module):
    """Channels weighted by sigmoid(W2 ReLU(W1 mean(x))) (Hu et al., 2018), without biases."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        inner = max(1, channels // reduction)
        self.fc = nn.Sequential(
            nn.Linear(channels, inner, bias=False), nn.ReLU(), nn.Linear(inner, channels, bias=False), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.fc(x.mean(dim=(2, 3)))[:, :, None, None]


class SpatialAttention(nn.Module):
    """Pixels weighted by the sigmoid of one 1x1 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.conv(x))


class EfficientChannelAttention(nn.Module):
    """ECA: channels weighted by a convolution along the channel axis of their means (Wang et al., 2020)."""

    def __init__(self, channels: int, size: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.sigmoid(self.conv(x.mean(dim=(2, 3))[:, None]))
        return x * weights[:, 0, :, None, None]


class CoordinateAttention(nn.Module):
    """Rows and columns weighted apart (Hou et al., 2021).

    The published module has a BatchNorm but does not apply it; it is kept for its tensor names.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        inner = max(1, channels // reduction)
        self.conv_1x1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.bn = nn.BatchNorm2d(inner).requires_grad_(False)
        self.F_h = nn.Conv2d(inner, channels, 1, bias=False)
        self.F_w = nn.Conv2d(inner, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        rows, columns = x.mean(3, keepdim=True), x.mean(2, keepdim=True).transpose(2, 3)
        both = relu(self.conv_1x1(torch.cat([rows, columns], 2)))
        rows, columns = both.split([height, width], 2)
        return x * torch.sigmoid(self.F_h(rows)) * torch.sigmoid(self.F_w(columns.transpose(2, 3)))


class SimAM(nn.Module):
    """Pixels weighted by the energy of their distance from the channel's mean, no parameters (Yang et al., 2021)."""

    def __init__(self, channels: int, regularisation: float = 1e-4) -> None:
        super().__init__()
        self.regularisation = regularisation

    def forward(self, x: Tensor) -> Tensor:
        squares = (x - x.mean(dim=(2, 3), keepdim=True)).square()
        variance = squares.sum(dim=(2, 3), keepdim=True) / (x.shape[2] * x.shape[3] - 1)
        return x * torch.sigmoid(squares / (4 * (variance + self.regularisation)) + 0.5)


class NormalisationAttention(nn.Module):
    """NAM: channels weighted by the share of their BatchNorm's factor (Liu et al., 2021).

    As published, no gradient reaches the factor through the shares.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        sizes = self.bn2.weight.detach().abs()
        return x * torch.sigmoid(self.bn2(x) * (sizes / sizes.sum())[:, None, None])


class GlobalAttention(nn.Module):
    """GAM: a two-layer perceptron over channels, then two 7x7 convolutions over pixels (Liu et al., 2021)."""

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        inner = max(1, channels // reduction)
        self.channel_attention = nn.Sequential(nn.Linear(channels, inner), nn.ReLU(), nn.Linear(inner, channels))
        self.spatial_attention = nn.Sequential(
            nn.Conv2d(channels, inner, 7, padding=3),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, channels, 7, padding=3),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x * self.channel_attention(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return x * torch.sigmoid(self.spatial_attention(x))


class PolarisedChannelAttention(nn.Module):
    """Channel branch of polarised self-attention (Liu et al., 2021)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        self.ch_wv = nn.Conv2d(channels, inner, 1)
        self.ch_wq = nn.Conv2d(channels, 1, 1)
        self.ch_wz = nn.Conv2d(inner, channels, 1)
        self.ln = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        pixels = self.ch_wq(x).flatten(2).softmax(2).transpose(1, 2)
        summary = self.ch_wz(torch.matmul(self.ch_wv(x).flatten(2), pixels)[..., None]).flatten(1)
        return x * torch.sigmoid(self.ln(summary))[:, :, None, None]


class PolarisedSpatialAttention(nn.Module):
    """Spatial branch of polarised self-attention; as published, without the softmax over channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.sp_wv = nn.Conv2d(channels, channels // 2, 1)
        self.sp_wq = nn.Conv2d(channels, channels // 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        channels = self.sp_wq(x).mean(dim=(2, 3))
        weights = torch.matmul(channels[:, None], self.sp_wv(x).flatten(2))
        return x * torch.sigmoid(weights).unflatten(2, x.shape[2:])


class ChannelSelfAttention(nn.Module):
    """Channel attention of DANet (Fu et al., 2019): channels exchange what they do not share."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2)
        energy = torch.matmul(rows, rows.transpose(1, 2))
        weights = (energy.amax(2, keepdim=True) - energy).softmax(2)
        return self.gamma * torch.matmul(weights, rows).view_as(x) + x


class PositionSelfAttention(nn.Module):
    """Position attention of DANet: every pixel is a weighted sum over all pixels."""

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


AttentionName = Literal[
    "none", "se", "spatial", "eca", "coordinate", "simam", "nam", "gam", "channel", "position",
    "polarised_channel", "polarised_spatial", "se+spatial", "channel+position",
]  # fmt: skip

MODULES: Mapping[str, Callable[[int], nn.Module]] = {
    "se": SqueezeExcitation,
    "spatial": SpatialAttention,
    "eca": EfficientChannelAttention,
    "coordinate": CoordinateAttention,
    "simam": SimAM,
    "nam": NormalisationAttention,
    "gam": GlobalAttention,
    "channel": ChannelSelfAttention,
    "position": PositionSelfAttention,
    "polarised_channel": PolarisedChannelAttention,
    "polarised_spatial": PolarisedSpatialAttention,
}


def build_attention(name: AttentionName, channels: int) -> nn.Module | None:
    """The module of that name, None for ``none``; names joined by ``+`` follow one another."""
    if name == "none":
        return None
    parts = [MODULES[part](channels) for part in name.split("+")]
    return parts[0] if len(parts) == 1 else nn.Sequential(*parts)


def suppress(features: Tensor, share: Tensor | float) -> Tensor:
    """min(x, share * max of x over the pixels), channel by channel (l2g_cda spec, section 2.3).

    Strong activations of a channel are cut, weak ones gain weight (Kim et al., "Discriminative region suppression for
    weakly-supervised semantic segmentation", AAAI 2021). A channel whose maximum is negative is left as it is by a share
    below 1.

    Args:
        features: N x C x H x W, any sign.
        share: a number, or N x C x 1 x 1, in 0..1.
    """
    return torch.minimum(features, features.amax(dim=(2, 3), keepdim=True) * share)


class FixedSuppression(nn.Module):
    """Every channel is cut at ``share`` of its maximum (delta of the DRS paper, 0.55 there)."""

    def __init__(self, share: float = 0.55) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        return suppress(x, self.share)


class LearnableSuppression(nn.Module):
    """The share of each channel is predicted from the channels' means: sigmoid(W mean(x))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(channels, channels, bias=False), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        share: Tensor = self.fc(x.mean(dim=(2, 3)))
        return suppress(x, share[:, :, None, None])


SuppressionName = Literal["none", "fixed", "learnable"]


def build_suppression(name: SuppressionName, channels: int, share: float) -> nn.Module | None:
    """The suppression of that name for features with ``channels`` channels, None for ``none``."""
    if name == "fixed":
        return FixedSuppression(share)
    return LearnableSuppression(channels) if name == "learnable" else None
