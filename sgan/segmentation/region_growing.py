"""Seeded region growing (DSRG; sgan spec, section 3.2): seeds spread to connected cells that the network is sure of.

The original has it without using it for SGAN's seeds, which stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Floats = npt.NDArray[np.float32]
CONNECTIVITY = 8
NONE = -1


def grow_seeds(
    probabilities: Floats, seeds: Floats, labels: Sequence[int], background: float, foreground: float
) -> Floats:
    """Seeds after one growth; seeds are only added.

    A cell takes the most likely of the image's labels if its probability is above ``foreground`` (and, for label 0, above
    ``background`` too); a cell without one keeps the label of its seed. Of the 8-connected regions of one label, those
    with a seed of it become seeds, but for cells that carry a single seed of another label.

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
    """The label of each cell that the network is sure of, h x w; -1 for none."""
    of_image = probabilities[list(labels)]
    best = np.asarray(labels)[of_image.argmax(0)]
    sure = of_image.max(0) > np.where(best == 0, max(background, foreground), foreground)
    return np.where(sure, best, NONE)


def connected_to(cells: npt.NDArray[np.bool_], start: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The 8-connected regions of ``cells`` that hold a cell of ``start``."""
    _, numbers = cv2.connectedComponents(cells.astype(np.uint8), connectivity=CONNECTIVITY)
    return cells & np.isin(numbers, np.unique(numbers[start & cells]))


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
