"""Losses on seeds (sgan spec, section 3.2), from SEC (Kolesnikov and Lampert, 2016) and DSRG (Huang et al., 2018).

Probabilities and seeds are N x C x h x w, channel 0 is background. A seed is 1 where the position has that label; a position
without one is 0 in all channels. Labels are int64 N x h x w, where C stands for no label. Every loss is a mean over images, but
those of the second training, which are sums and counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from common.crf.inference import Engine
from common.crf.presets import CrfSettings
from common.engine.losses import Mean
from common.errors import DataError
from deeplabv2.seed_layers import SMALLEST_PROBABILITY, grow_batch, log_refined_probabilities

# Bounds of q / p in the constrain loss.
RATIO_RANGE = (0.05, 20.0)
# What the logits of present labels gain before the argmax.
BONUS = 20.0


def floored_softmax(logits: Tensor, floor: float = SMALLEST_PROBABILITY) -> Tensor:
    """(softmax + floor), normalised again to the sum 1."""
    return (logits.softmax(1) + floor) / (1 + logits.shape[1] * floor)


def one_hot_seeds(labels: Tensor, n_labels: int) -> Tensor:
    """Label maps int64 N x h x w to seeds float32 N x n_labels x h x w; the value ``n_labels`` stands for no label.

    Raises:
        DataError: a value is negative or larger.
    """
    if labels.min() < 0 or labels.max() > n_labels:
        raise DataError(
            f"seed labels are {labels.min()}..{labels.max()}; they have to be 0..{n_labels - 1}, or {n_labels} for unlabelled"
        )
    channels = torch.arange(n_labels, device=labels.device)[:, None, None]
    return (labels[:, None] == channels).float()


def balanced_seed_loss(probabilities: Tensor, seeds: Tensor, least: float = 1e-4, offset: float = 0.0) -> Tensor:
    """Cross-entropy over the background seeds plus that over all foreground seeds, each a mean over its own positions (DSRG).

    A half without seeds is 0 for that image, which still counts in the mean over images.

    Args:
        least, offset: the number of seeds is raised to ``least``, then ``offset`` is added. The PyTorch version of the
            original has 0 and 1e-5.
    """
    log_likelihood = seeds * probabilities.log()
    total = probabilities.new_zeros(len(probabilities))
    for channels in (slice(0, 1), slice(1, None)):
        count = seeds[:, channels].sum((1, 2, 3)).clamp(min=least) + offset
        total = total + log_likelihood[:, channels].sum((1, 2, 3)) / count
    return -total.mean()


def plain_seed_loss(probabilities: Tensor, seeds: Tensor) -> Tensor:
    """Cross-entropy as a mean over all seeds of an image, background or not (SEC)."""
    count = seeds.sum((1, 2, 3)).clamp(min=SMALLEST_PROBABILITY)
    return -((seeds * probabilities.log()).sum((1, 2, 3)) / count).mean()


SEED_LOSSES = {"balanced": balanced_seed_loss, "plain": plain_seed_loss}


def constrain_loss(probabilities: Tensor, log_refined: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the network's p from the refined q: mean over positions of sum_c q log(q / p).

    The ratio is bounded; where a bound holds, the logarithm has no gradient. The gradient goes to p and to log q.
    """
    refined = log_refined.exp()
    ratio = (refined / probabilities).clamp(*RATIO_RANGE)
    return (refined * ratio.log()).sum(1).mean()


@dataclass(frozen=True)
class SeedTerms:
    """What of DSRG's losses is used.

    Attributes:
        seed: balanced (background and foreground seeds weigh the same: DSRG) or plain (SEC).
        constrain: pull the network's output towards what the dense CRF makes of it.
        crf: constants of that CRF, for images of the size of the logits.
        engine: what computes it.
        grow: probabilities of background and foreground above which seeds spread; None leaves them as they are.
    """

    seed: Literal["balanced", "plain"]
    constrain: bool
    crf: CrfSettings
    engine: Engine = "auto"
    grow: tuple[float, float] | None = None


def dsrg_losses(
    logits: Tensor, labels: Tensor, images: Tensor, terms: SeedTerms, tags: Tensor | None = None
) -> dict[str, Tensor]:
    """Seed loss and constrain loss, weight 1 each.

    Args:
        logits: N x C x h x w.
        labels: int64, N x h x w; C stands for unlabelled.
        images: uint8, N x h x w x 3, BGR: what the CRF sees.
        tags: 0/1, N x (C - 1), where seeds grow.
    """
    logits = logits.float()
    probabilities = floored_softmax(logits)
    seeds = one_hot_seeds(labels, logits.shape[1])
    losses = {}
    if terms.constrain or terms.grow:
        log_refined = log_refined_probabilities(probabilities, images, terms.crf, terms.engine)
        if terms.grow:
            assert tags is not None
            seeds = grow_batch(log_refined.exp(), seeds, tags, *terms.grow)
        if terms.constrain:
            losses["constrain"] = constrain_loss(probabilities, log_refined)
    return {"seed": SEED_LOSSES[terms.seed](probabilities, seeds), **losses}


def self_labels(logits: Tensor, labels: Tensor) -> Tensor:
    """The network's own labels, those in the image's label map preferred.

    Args:
        logits: N x C x h x w.
        labels: int64, N x h x w; the value C stands for unlabelled, and is not present (the published code fails on it).

    Returns:
        int64, N x h x w.
    """
    channels = torch.arange(logits.shape[1], device=labels.device)
    present = (labels.flatten(1)[:, :, None] == channels).any(1)
    return (logits.detach() + BONUS * present[:, :, None, None]).argmax(1)


def retrain_losses(logits: Tensor, labels: Tensor) -> dict[str, Mean]:
    """Cross-entropy against the labels (unlabelled positions do not count) and against :func:`self_labels`, weight 1 each."""
    logits = logits.float()
    n_labels = logits.shape[1]
    given = functional.cross_entropy(logits, labels, ignore_index=n_labels, reduction="sum")
    own = functional.cross_entropy(logits, self_labels(logits, labels), reduction="sum")
    return {"labels": Mean(given, (labels != n_labels).sum()), "own": Mean(own, float(labels.numel()))}
