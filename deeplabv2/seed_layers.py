"""What DSRG does to probabilities and seeds in training: the dense CRF with a gradient rule of its own, and region growing (sgan
spec, section 3.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from common.crf.inference import Engine, dense_crf
from common.crf.presets import PRESETS, CrfSettings

Floats = npt.NDArray[np.float32]
SCALE = 12.0
SMALLEST_PROBABILITY = 1e-4
CONNECTIVITY = 8
NONE = -1


def training_crf(scale: float = SCALE) -> CrfSettings:
    """SEC's constants on an image reduced by about ``scale``."""
    return PRESETS["sec"].scaled(scale)


def refined_probabilities(
    probabilities: Tensor,
    images: Tensor,
    floor: float = SMALLEST_PROBABILITY,
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

    The mean field itself is not differentiated.
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
        carried = np.where(accepted == NONE, seeds[label] > 0, accepted == label)
        seeded = carried & (seeds[label] > 0)
        region = connected_to(carried, seeded)
        # Seeds that were added for the labels before count as well.
        taken = (grown.sum(0) == 1) & (grown[label] == 0)
        grown[label][region & ~taken] = 1
    return grown


def accepted_labels(
    probabilities: Floats, labels: Sequence[int], background: float, foreground: float
) -> npt.NDArray[np.int64]:
    """The label of each position that the network is sure of, h x w; -1 for none."""
    of_image = probabilities[list(labels)]
    best = np.asarray(labels)[of_image.argmax(0)]
    sure = of_image.max(0) > np.where(best == 0, max(background, foreground), foreground)
    return np.where(sure, best, NONE)


def connected_to(region: npt.NDArray[np.bool_], start: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The 8-connected parts of ``region`` (h x w) that hold a position of ``start`` (h x w)."""
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
