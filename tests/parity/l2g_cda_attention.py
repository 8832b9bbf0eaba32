"""Modules of the published file of L2G + CDA that no command builds: nothing published has a result with them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from l2g_cda.attention import FixedSuppression, LearnableSuppression


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
        rows, columns = x.mean(3, keepdim=True), x.mean(2, keepdim=True).transpose(2, 3)
        both = relu(self.conv_1x1(torch.cat([rows, columns], 2)))
        rows, columns = both.split(x.shape[2:], 2)
        return x * torch.sigmoid(self.F_h(rows)) * torch.sigmoid(self.F_w(columns.transpose(2, 3)))


class GlobalAttention(nn.Module):
    """GAM: a two-layer perceptron over channels, then two 7x7 convolutions over pixels (Liu et al., 2021)."""

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        inner = max(1, channels // reduction)
        self.channel_attention = nn.Sequential(nn.Linear(channels, inner), nn.ReLU(), nn.Linear(inner, channels))
        squeeze = [nn.Conv2d(channels, inner, 7, padding=3), nn.BatchNorm2d(inner), nn.ReLU()]
        self.spatial_attention = nn.Sequential(
            *squeeze, nn.Conv2d(inner, channels, 7, padding=3), nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x * self.channel_attention(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return x * torch.sigmoid(self.spatial_attention(x))


class PolarisedChannelAttention(nn.Module):
    """Channel branch of polarised self-attention (Liu et al., 2021)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.ch_wv = nn.Conv2d(channels, channels // 2, 1)
        self.ch_wq = nn.Conv2d(channels, 1, 1)
        self.ch_wz = nn.Conv2d(channels // 2, channels, 1)
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
        weights = torch.matmul(self.sp_wq(x).mean(dim=(2, 3))[:, None], self.sp_wv(x).flatten(2))
        return x * torch.sigmoid(weights).unflatten(2, x.shape[2:])


class PaperFixedSuppression(FixedSuppression):
    """As the DRS paper has it, where it replaces every ReLU: the positive part is cut."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(relu(x))


class PaperLearnableSuppression(LearnableSuppression):
    """As :class:`PaperFixedSuppression`."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(relu(x))
