"""Cross-entropy over the maps of the pyramid (deeplabv2 spec, sections 3 and 4.4)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from common.engine.losses import Mean


def cross_entropy(logits: Tensor, labels: Tensor, ignore_label: int) -> Mean:
    """Sum of the pixels' cross-entropy and the number of pixels whose label is not ``ignore_label``.

    Args:
        logits: N x C x h x w.
        labels: int64, N x h x w.
    """
    total = functional.cross_entropy(logits.float(), labels, ignore_index=ignore_label, reduction="sum")
    return Mean(total, (labels != ignore_label).sum())


def pyramid_losses(maps: Sequence[Tensor], labels: Tensor, ignore_label: int, loss_size: str) -> dict[str, Mean]:
    """One cross-entropy per map; the loop adds them up.

    Args:
        maps: logits N x C x h_k x w_k.
        labels: int64, N x H x W.
        loss_size: ``map`` reduces the labels to each map's size, ``image`` enlarges the logits to the labels' size.
    """
    losses = {}
    for number, logits in enumerate(maps):
        if loss_size == "image":
            logits = functional.interpolate(logits, labels.shape[1:], mode="bilinear", align_corners=False)
        reduced = resize_labels(labels, logits.shape[2:])
        losses[f"map{number}"] = cross_entropy(logits, reduced, ignore_label)
    return losses


def resize_labels(labels: Tensor, size: Sequence[int]) -> Tensor:
    """Nearest neighbour with Pillow's positions: source index floor((i + 0.5) * in / out), accumulated in float64.

    Args:
        labels: N x H x W.
        size: (h, w).
    """
    rows = nearest_positions(labels.shape[1], size[0], labels.device)
    columns = nearest_positions(labels.shape[2], size[1], labels.device)
    return labels[:, rows][:, :, columns]


def nearest_positions(length: int, new_length: int, device: torch.device) -> Tensor:
    """Source index of each of ``new_length`` positions."""
    step = length / new_length
    steps = torch.full((new_length,), step, dtype=torch.float64)
    steps[0] = step * 0.5
    return steps.cumsum(0).long().clamp_(max=length - 1).to(device)
