"""What a network learns from seeds (sgan spec, section 3.2): SEC (Kolesnikov and Lampert, 2016), DSRG (Huang et al., 2018), SGAN.

Probabilities and seeds are N x C x h x w, channel 0 is background. A seed is 1 where the position has that label; a position
without one is 0 in all channels. Labels are int64 N x h x w, where C stands for no label. Every loss is a mean over images, but
those of the second training, which are sums and counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from common.crf.inference import Engine, dense_crf
from common.crf.presets import PRESETS, CrfSettings
from common.crf.unary import Floats
from common.engine.losses import Mean
from common.errors import DataError

CRF_SCALE = 12.0
PROBABILITY_FLOOR = 1e-4
# Bounds of q / p in the constrain loss.
RATIO_RANGE = (0.05, 20.0)
# What the logits of present labels gain before the argmax.
BONUS = 20.0
CONNECTIVITY = 8
UNSURE = -1


def floored_softmax(logits: Tensor, floor: float = PROBABILITY_FLOOR) -> Tensor:
    """(softmax + floor) of logits N x C x h x w, normalised again to the sum 1: probabilities in 0..1."""
    return (logits.softmax(1) + floor) / (1 + logits.shape[1] * floor)


def one_hot_seeds(labels: Tensor, n_labels: int) -> Tensor:
    """Label maps int64 N x h x w to seeds float32 N x n_labels x h x w; the value ``n_labels`` stands for no label."""
    if labels.min() < 0 or labels.max() > n_labels:
        raise DataError(
            f"seed labels are {labels.min()}..{labels.max()}; they have to be 0..{n_labels - 1}, or {n_labels} for unlabelled"
        )
    channels = torch.arange(n_labels, device=labels.device)[:, None, None]
    return (labels[:, None] == channels).float()


def balanced_seed_loss(probabilities: Tensor, seeds: Tensor, least: float = 1e-4, offset: float = 0.0) -> Tensor:
    """Cross-entropy over the background seeds plus that over all foreground seeds, each a mean over its own positions (DSRG).

    Both N x C x h x w, seeds 0/1. A half without seeds is 0 for that image, which still counts in the mean.

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
    """Cross-entropy as a mean over all seeds (0/1) of an image, background or not (SEC); arguments N x C x h x w."""
    count = seeds.sum((1, 2, 3)).clamp(min=PROBABILITY_FLOOR)
    return -((seeds * probabilities.log()).sum((1, 2, 3)) / count).mean()


SEED_LOSSES = {"balanced": balanced_seed_loss, "plain": plain_seed_loss}


def constrain_loss(probabilities: Tensor, log_refined: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the network's p from the refined q: mean over positions of sum_c q log(q / p).

    p (0..1) and log q, N x C x h x w, get gradients. The ratio is bounded; where a bound holds, its log has none.
    """
    refined = log_refined.exp()
    ratio = (refined / probabilities).clamp(*RATIO_RANGE)
    return (refined * ratio.log()).sum(1).mean()


def dsrg_losses(
    logits: Tensor,
    labels: Tensor,
    images: Tensor,
    *,
    seed: Literal["balanced", "plain"] = "balanced",
    constrain: bool = True,
    crf: CrfSettings | None = None,
    engine: Engine = "auto",
    grow: tuple[float, float] | None = None,
    tags: Tensor | None = None,
) -> dict[str, Tensor]:
    """Seed loss and constrain loss, weight 1 each.

    Args:
        logits: N x C x h x w.
        labels: int64, N x h x w; C stands for unlabelled.
        images: uint8, N x h x w x 3, BGR: what the CRF sees.
        seed: balanced (background and foreground seeds weigh the same: DSRG) or plain (SEC).
        constrain: pull the network's output towards what the dense CRF makes of it.
        crf: constants of that CRF, computed by ``engine``; default :func:`training_crf`.
        grow: probabilities of background and foreground above which seeds spread; None leaves them as they are.
        tags: 0/1, N x (C - 1), where seeds grow.
    """
    logits = logits.float()
    probabilities = floored_softmax(logits)
    seeds = one_hot_seeds(labels, logits.shape[1])
    losses = {}
    if constrain or grow:
        log_refined = log_refined_probabilities(probabilities, images, crf, engine)
        if grow:
            assert tags is not None
            seeds = grow_batch(log_refined.exp(), seeds, tags, *grow)
        if constrain:
            losses["constrain"] = constrain_loss(probabilities, log_refined)
    return {"seed": SEED_LOSSES[seed](probabilities, seeds), **losses}


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
    """Cross-entropy of logits N x C x h x w to labels (int64; C: ignored) and :func:`self_labels`, weight 1 each."""
    logits = logits.float()
    n_labels = logits.shape[1]
    given = functional.cross_entropy(logits, labels, ignore_index=n_labels, reduction="sum")
    own = functional.cross_entropy(logits, self_labels(logits, labels), reduction="sum")
    return {"labels": Mean(given, (labels != n_labels).sum()), "own": Mean(own, float(labels.numel()))}


def training_crf(scale: float = CRF_SCALE) -> CrfSettings:
    """SEC's constants on an image reduced by about ``scale``."""
    return PRESETS["sec"].scaled(scale)


def refined_probabilities(
    probabilities: Tensor,
    images: Tensor,
    floor: float = PROBABILITY_FLOOR,
    settings: CrfSettings | None = None,
    engine: Engine = "auto",
) -> Tensor:
    """The CRF's q, raised to at least ``floor`` and normalised again; carries no gradient.

    As published, the probabilities themselves are the negative energies, not their logarithms: energies lie within -1..0,
    so that the image decides far more than in testing.

    Args:
        probabilities: float32, N x C x h x w; raised to ``floor`` first.
        images: uint8, N x h x w x 3, BGR.
    """
    if not torch.isfinite(probabilities).all():
        # Into the loss with them: there the training loop names the step and the images.
        return probabilities.detach()
    energies = -probabilities.detach().float().clamp(min=floor)
    refined = dense_crf(images, energies, settings or training_crf(), engine)
    raised = refined.clamp(min=floor)
    return raised / raised.sum(1, keepdim=True)


class CrfLayer(torch.autograd.Function):
    """``(p, images) -> log q``, and back: (1 - q) times the gradient of log q, as if q stood where p does in a softmax.

    p, q: float32 N x C x h x w in 0..1; images: uint8 N x h x w x 3, BGR. The mean field itself is not differentiated.
    """

    @staticmethod
    def forward(context: Any, probabilities: Tensor, images: Tensor, settings: CrfSettings, engine: Engine) -> Tensor:
        refined = refined_probabilities(probabilities, images, settings=settings, engine=engine)
        context.save_for_backward(refined)
        return refined.log()

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (refined,) = context.saved_tensors
        return (1 - refined) * gradient, None, None, None


def log_refined_probabilities(
    probabilities: Tensor, images: Tensor, settings: CrfSettings | None = None, engine: Engine = "auto"
) -> Tensor:
    """log q of :func:`refined_probabilities`, N x C x h x w, with the published gradient.

    Args:
        probabilities: float32, N x C x h x w.
        images: uint8, N x h x w x 3, BGR.
    """
    log_refined: Tensor = CrfLayer.apply(probabilities, images, settings or training_crf(), engine)
    return log_refined


def grow_seeds(
    probabilities: Floats, seeds: Floats, labels: Sequence[int], background: float, foreground: float
) -> Floats:
    """Seeds after one growth: they spread to connected positions that the network is sure of, and none is taken away.

    A position takes the most likely of the image's labels if its probability is above ``foreground`` (and, for label 0, above
    ``background`` too); a position without one keeps the label of its seed. Of the 8-connected regions of one label, those
    with a seed of it become seeds, but for positions that carry a single seed of another label. The original has it without
    using it for SGAN's seeds.

    Args:
        probabilities: C x h x w, refined by the CRF.
        seeds: 0/1, C x h x w.
        labels: the labels of the image, 0 for background among them.
    """
    grown = seeds.copy()
    labels = sorted(labels)
    accepted = accepted_labels(probabilities, labels, background, foreground)
    for label in labels:
        carried = np.where(accepted == UNSURE, seeds[label] > 0, accepted == label)
        seeded = carried & (seeds[label] > 0)
        region = connected_to(carried, seeded)
        # Seeds that were added for the labels before count as well.
        taken = (grown.sum(0) == 1) & (grown[label] == 0)
        grown[label][region & ~taken] = 1
    return grown


def accepted_labels(
    probabilities: Floats, labels: Sequence[int], background: float, foreground: float
) -> npt.NDArray[np.int64]:
    """The label of each position that the network (C x h x w, in 0..1) is sure of, int64 h x w; -1 for none."""
    of_image = probabilities[list(labels)]
    best = np.asarray(labels)[of_image.argmax(0)]
    sure = of_image.max(0) > np.where(best == 0, max(background, foreground), foreground)
    return np.where(sure, best, UNSURE)


def connected_to(region: npt.NDArray[np.bool_], start: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The 8-connected parts of ``region`` (bool, h x w) that hold a position of ``start`` (bool, h x w)."""
    _, numbers = cv2.connectedComponents(region.astype(np.uint8), connectivity=CONNECTIVITY)
    return region & np.isin(numbers, np.unique(numbers[start & region]))


def grow_batch(probabilities: Tensor, seeds: Tensor, tags: Tensor, background: float, foreground: float) -> Tensor:
    """:func:`grow_seeds` of every image.

    Args:
        probabilities, seeds: N x C x h x w.
        tags: 0/1, N x (C - 1), without background.
    """
    refined, cues, present = (tensor.detach().cpu().numpy() for tensor in (probabilities, seeds, tags))
    grown = [
        grow_seeds(one, cue, [0, *(np.flatnonzero(classes) + 1).tolist()], background, foreground)
        for one, cue, classes in zip(refined, cues, present, strict=True)
    ]
    return torch.from_numpy(np.stack(grown)).to(seeds.device)
