"""Losses on seeds (sgan spec, section 3.2), from SEC (Kolesnikov and Lampert, 2016) and DSRG (Huang et al., 2018).

Probabilities and seeds are N x C x h x w, channel 0 is background. A seed is 1 where the cell has that label; a cell
without one is 0 in all channels. Every loss is a mean over images.
"""

from __future__ import annotations

import torch
from torch import Tensor

from common.errors import DataError

SMALLEST_PROBABILITY = 1e-4
# Bounds of q / p in the constrain loss.
RATIO_RANGE = (0.05, 20.0)


def floored_softmax(logits: Tensor, floor: float = SMALLEST_PROBABILITY) -> Tensor:
    """(softmax + floor), normalised again to the sum 1."""
    return (logits.softmax(1) + floor) / (1 + logits.shape[1] * floor)


def clamped_softmax(logits: Tensor, floor: float = 1e-5) -> Tensor:
    """Softmax raised to at least ``floor`` and normalised again: the PyTorch losses of the original (section 3.3)."""
    raised = logits.softmax(1).clamp(floor, 1)
    return raised / raised.sum(1, keepdim=True)


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
    """Cross-entropy over the background seeds plus that over all foreground seeds, each a mean over its own cells (DSRG).

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


def constrain_loss(probabilities: Tensor, log_refined: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the network's p from the refined q: mean over cells of sum_c q log(q / p).

    The ratio is bounded; where a bound holds, the logarithm has no gradient. The gradient goes to p and to log q.
    """
    refined = log_refined.exp()
    ratio = (refined / probabilities).clamp(*RATIO_RANGE)
    return (refined * ratio.log()).sum(1).mean()
