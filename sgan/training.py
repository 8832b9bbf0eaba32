"""The two losses of SGAN's training (sgan spec, section 3.1)."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from common.engine.losses import Mean


def classification_loss(scores: Tensor, tags: Tensor) -> Tensor:
    """Multi-label soft margin: binary cross-entropy, mean over images and classes.

    Args:
        scores: n x C logits.
        tags: n x C, 0 or 1.
    """
    return functional.multilabel_soft_margin_loss(scores, tags)


def seed_loss(segmentation: Tensor, seeds: Tensor) -> Mean:
    """Cross-entropy over the cells with a foreground seed, as sum and number of those cells.

    A batch without any such cell counts 0 (the published mean would be 0/0 there).

    Args:
        segmentation: n x C x h x w logits, without a background channel.
        seeds: int64 n x h x w: 0..C-1, and C for background and unlabelled cells, which do not count.
    """
    ignored = segmentation.shape[1]
    total = functional.cross_entropy(segmentation.float(), seeds, ignore_index=ignored, reduction="sum")
    return Mean(total, (seeds != ignored).sum())


class SganStep:
    """``(network, batch) -> losses`` for the training loop; the seed loss counts ``seed_loss_ratio`` times."""

    def __init__(self, seed_loss_ratio: float) -> None:
        self.seed_loss_ratio = seed_loss_ratio

    def __call__(self, network: nn.Module, batch: dict[str, Any]) -> dict[str, Tensor | Mean]:
        scores, segmentation = network(batch["image"], batch["salient"])
        seed = seed_loss(segmentation, batch["seed"])
        return {
            "classification": classification_loss(scores.float(), batch["tags"]),
            "seed": Mean(self.seed_loss_ratio * seed.total, seed.count),
        }
