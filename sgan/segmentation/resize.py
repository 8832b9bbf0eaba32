"""Bilinear resize of tensors with aligned corners, as ``scipy.ndimage.zoom`` of order 1: source = i (old - 1) / (new - 1).

scipy's last source coordinate may come out just beyond the edge, by rounding; it then writes zeros into the last row or
column (sgan spec, section 10, defect 4). ``repaired`` gives the edge itself there, ``published`` the zeros.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional

from sgan.data.zoom import positions

Edge = Literal["repaired", "published"]


def resize_aligned(maps: Tensor, size: tuple[int, int], edge: Edge = "repaired") -> Tensor:
    """Resize N x C x h x w to ``size`` = (H, W); the type of the numbers stays."""
    resized = functional.interpolate(maps, size, mode="bilinear", align_corners=True)
    if edge == "published":
        if ends_in_zeros(maps.shape[2], size[0]):
            resized[:, :, -1] = 0
        if ends_in_zeros(maps.shape[3], size[1]):
            resized[:, :, :, -1] = 0
    return resized


def ends_in_zeros(old: int, new: int) -> bool:
    """Whether scipy's last coordinate of ``new``, in float64, lies beyond the last of ``old``."""
    return bool(positions(old, new)[-1] > old - 1)
