"""Losses of the saliency network, and what it is validated by (sod_wsss spec, section 3.2). Logits and targets are N x 1 x h x w, targets in 0..1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, binary_cross_entropy_with_logits, interpolate, max_pool2d

from common.engine.losses import Losses
from sod_wsss.saliency_network import SaliencyScores

BceWeighting = Literal["original", "repaired"]
EdgeTarget = Literal["boundary", "texture", "none"]
# Side of the neighbourhood whose mean tells how near a pixel is to a boundary, and what a pixel there weighs more.
NEIGHBOURHOOD = 31
BOUNDARY_WEIGHT = 5.0
DICE_EPSILON = 1e-16


def boundary_weight(target: Tensor) -> Tensor:
    """1 for pixels whose neighbourhood is like them, up to 6 for those at a boundary."""
    half = NEIGHBOURHOOD // 2
    # The mean of a square is the mean over its rows' means, at 31 + 31 instead of 31 x 31 additions per pixel.
    rows = avg_pool2d(target, (1, NEIGHBOURHOOD), stride=1, padding=(0, half))
    near = avg_pool2d(rows, (NEIGHBOURHOOD, 1), stride=1, padding=(half, 0))
    return 1 + BOUNDARY_WEIGHT * (near - target).abs()


def structure_loss(
    logits: Tensor, target: Tensor, bce_weighting: BceWeighting = "original", weight: Tensor | None = None
) -> Tensor:
    """Cross-entropy and soft IoU, in which pixels near the boundary weigh up to six times as much; mean over images.

    Args:
        bce_weighting: ``original`` weighs the pixels in the IoU alone, which is what the published code computes.
        weight: :func:`boundary_weight` of the target, where it is known already.
    """
    weight = boundary_weight(target) if weight is None else weight
    if bce_weighting == "original":
        cross_entropy = binary_cross_entropy_with_logits(logits, target)
    else:
        by_pixel = binary_cross_entropy_with_logits(logits, target, reduction="none")
        cross_entropy = (weight * by_pixel).sum((2, 3)) / weight.sum((2, 3))
    probability = logits.sigmoid()
    common = (probability * target * weight).sum((2, 3))
    either = ((probability + target) * weight).sum((2, 3))
    iou = 1 - (common + 1) / (either - common + 1)
    return (cross_entropy + iou).mean()


def dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """1 - Dice coefficient, mean over images; published as an IoU loss."""
    probability = logits.sigmoid()
    common = (probability * target).sum((2, 3)) + DICE_EPSILON
    both = (probability + target).sum((2, 3)) / 2 + DICE_EPSILON
    return 1 - (common / both).mean()


def edge_loss(logits: Tensor, target: Tensor, with_bce: bool) -> Tensor:
    """Dice loss of the edges, with their cross-entropy where they are those of a texture map."""
    dice = dice_loss(logits, target)
    return binary_cross_entropy_with_logits(logits, target) + dice if with_bce else dice


def supervision(maps: Sequence[Tensor], target: Tensor, bce_weighting: BceWeighting = "original") -> Tensor:
    """Sum of the structure loss over the maps; for smaller ones the target is reduced, by nearest neighbour, from one to the next."""
    weight = boundary_weight(target)
    losses = []
    for one in maps:
        if one.shape[2:] != target.shape[2:]:
            target = interpolate(target, one.shape[2:], mode="nearest")
            weight = boundary_weight(target)
        losses.append(structure_loss(one, target, bce_weighting, weight))
    return torch.stack(losses).sum()


def soften_edges(edges: Tensor) -> Tensor:
    """Edges in 0..1 made a pixel wider on each side, then softened (spec, section 4.1)."""
    return avg_pool2d(max_pool2d(edges, 3, 1, 1), 3, 1, 1)


def boundary_of(target: Tensor) -> Tensor:
    """Morphological gradient of a target N x 1 x h x w: its boundary, where no map of boundaries is given."""
    return max_pool2d(target, 3, 1, 1) + max_pool2d(-target, 3, 1, 1)


class SaliencyStep:
    """``(network, batch) -> losses``: structure loss of the four maps, and the edge loss.

    Args:
        bce_weighting: of the structure loss.
        edges: what the edge branch learns: boundaries, a texture map, or nothing.
    """

    def __init__(self, bce_weighting: BceWeighting, edges: EdgeTarget) -> None:
        self.bce_weighting: BceWeighting = bce_weighting
        self.edges: EdgeTarget = edges

    def __call__(self, network: nn.Module, batch: dict[str, Any]) -> Losses:
        scores: SaliencyScores = network(batch["image"])
        target = batch["saliency"]
        maps = [one.float() for one in scores.maps]
        losses = {"saliency": supervision(maps, target, self.bce_weighting)}
        if self.edges != "none":
            losses["edge"] = edge_loss(scores.edge.float(), batch["edge"], self.edges == "texture")
        return losses


@torch.inference_mode()
def validation_scores(network: nn.Module, batches: Iterable[dict[str, Any]], device: torch.device) -> dict[str, float]:
    """Mean absolute error and soft IoU of the finest map, means over images, at the network's own size (spec, section 7).

    Args:
        network: in eval mode.
        batches: with ``image`` N x 3 x S x S and ``saliency`` N x 1 x S x S.
    """
    errors, overlaps = [], []
    for batch in batches:
        target = batch["saliency"].to(device)
        predicted = network(batch["image"].to(device)).maps[0].float().sigmoid()
        errors.append((predicted - target).abs().mean((1, 2, 3)).double())
        common = (predicted * target).sum((1, 2, 3))
        overlaps.append((common / ((predicted + target).sum((1, 2, 3)) - common)).double())
    return {"mae": float(torch.cat(errors).mean()), "soft_iou": float(torch.cat(overlaps).mean())}
