"""Resizing of maps, in each paper's own way (deeplabv2 spec, sections 2.1 and 4.4; sgan spec, section 10)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

ResizeConvention = Literal["current", "recomputed"]
Edge = Literal["repaired", "published"]
# 256 MiB of float32: a photograph of 12 million pixels takes a few labels at a time, images of usual size all at once.
ENLARGED_AT_ONCE = 1 << 26


def enlarge_maps(logits: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear resize of logits N x C x h x w to ``size`` = (H, W)."""
    return functional.interpolate(logits, tuple(size), mode="bilinear", align_corners=False)


def resize_by(images: Tensor, scale: float, convention: ResizeConvention = "current") -> Tensor:
    """Bilinear resize by a factor; sizes are rounded down.

    Args:
        images: N x C x H x W, any sign.
        scale: the factor.
        convention: ``current`` steps through the source by 1 / scale, as PyTorch does today; ``recomputed`` by old size /
            new size, as PyTorch did before 1.6, when the published weights were trained. They differ, by up to a pixel
            at the far edge, where H * scale is not a whole number.
    """
    return functional.interpolate(
        images,
        scale_factor=scale,
        mode="bilinear",
        align_corners=False,
        recompute_scale_factor=convention == "recomputed",
    )


def largest_enlarged(scores: Tensor, size: Sequence[int], at_once: int = ENLARGED_AT_ONCE) -> Tensor:
    """The label whose enlarged score is largest; the first where two are equal.

    Args:
        scores: N x C x h x w, C at most 256.
        size: height and width of the label maps.
        at_once: numbers held at image size at a time.

    Returns:
        uint8, N x H x W.
    """
    pixels = scores.shape[0] * size[0] * size[1]
    step = max(1, at_once // pixels)
    best, labels = enlarge_maps(scores[:, :step], size).max(1)
    labels = labels.to(torch.uint8)
    for first in range(step, scores.shape[1], step):
        more, which = enlarge_maps(scores[:, first : first + step], size).max(1)
        higher = more > best
        labels[higher] = (which[higher] + first).to(torch.uint8)
        best = torch.maximum(best, more)
    return labels


def resize_aligned(maps: Tensor, size: tuple[int, int], edge: Edge = "repaired") -> Tensor:
    """Bilinear resize of N x C x h x w to ``size`` = (H, W) with aligned corners, as ``scipy.ndimage.zoom`` of order 1: source =
    i (old - 1) / (new - 1). The type of the numbers, of any sign, stays.

    scipy's last source coordinate may come out just beyond the edge, by rounding; it then writes zeros into the last row or
    column (defect 4). ``repaired`` gives the edge itself there, ``published`` the zeros.
    """
    resized = functional.interpolate(maps, size, mode="bilinear", align_corners=True)
    if edge == "published":
        if ends_in_zeros(maps.shape[2], size[0]):
            resized[:, :, -1] = 0
        if ends_in_zeros(maps.shape[3], size[1]):
            resized[:, :, :, -1] = 0
    return resized


def ends_in_zeros(old: int, new: int) -> bool:
    """Whether scipy's last coordinate of ``new``, in float64, lies beyond the last of ``old``."""
    return new > 1 and (new - 1) * ((old - 1) / (new - 1)) > old - 1


def resize_labels(labels: Tensor, size: Sequence[int]) -> Tensor:
    """Nearest neighbour as Pillow does it: source index floor((i + 0.5) x old / new).

    Args:
        labels: N x H x W, whole numbers of any type, which stays.
        size: (h, w).
    """
    if tuple(labels.shape[1:]) == tuple(size):
        return labels
    rows, columns = (nearest_positions(old, new) for old, new in zip(labels.shape[1:], size, strict=True))
    return labels[:, torch.from_numpy(rows).to(labels.device)][:, :, torch.from_numpy(columns).to(labels.device)]


@lru_cache(maxsize=64)
def nearest_positions(length: int, new_length: int) -> np.ndarray:
    """Source index of each of ``new_length`` positions, int64.

    Pillow adds up old / new in float64 instead of multiplying, which shows where a position is a whole number (448 -> 42).
    """
    steps = np.full(new_length, length / new_length)
    steps[0] *= 0.5
    return np.minimum(np.add.accumulate(steps).astype(np.int64), length - 1)
