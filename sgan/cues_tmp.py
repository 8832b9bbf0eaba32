"""Where the maps of an image speak for a class and its saliency for background (sgan spec, section 6.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Cues = npt.NDArray[np.bool_]

TINY = 1e-7


def sec_cues(maps: Floats, saliency: Floats, tags: Sequence[int], threshold: float, background: float) -> Cues:
    """SEC's localisation cues: each tagged class above a share of its maximum, background where nothing is salient.

    A class whose maximum is not positive gets no cue: the threshold then lies above the maximum.

    Args:
        maps: C x h x w, any sign.
        saliency: h x w in 0..1.
        tags: 0-based numbers of the classes in the image.
        threshold: share of a class's maximum, 0.25 as published.
        background: saliency below which a cell is background, 0.06 as published.

    Returns:
        bool (C + 1) x h x w, background first; a cell may carry several cues or none.
    """
    cues = np.zeros((len(maps) + 1, *saliency.shape), np.bool_)
    cues[0] = saliency < background
    for tag in tags:
        cues[tag + 1] = maps[tag] > threshold * maps[tag].max()
    return cues


def paint_cues(cues: Cues, overruled: Sequence[int] = ()) -> npt.NDArray[np.uint8]:
    """One label per cell: larger regions are painted first, so that smaller ones end on top.

    Background takes part in that order. Of regions of equal area the one with the higher number is painted first
    (the published order is undefined there).

    Args:
        cues: (C + 1) x h x w of :func:`sec_cues`.
        overruled: labels that give way to background wherever it has a cue (boat and train, which saliency shows too large).

    Returns:
        h x w: 0 background, 1..C classes, C + 1 unlabelled.
    """
    painted = np.full(cues.shape[1:], len(cues), np.uint8)
    painted[cues[0]] = 0
    areas = cues.sum((1, 2))
    for label in np.argsort(areas, kind="stable")[::-1]:
        painted[cues[label]] = label
    painted[np.isin(painted, overruled) & cues[0]] = 0
    return painted


def paint_unambiguous(cues: Cues) -> npt.NDArray[np.uint8]:
    """One label per cell where exactly one cue is; cells with several or none are unlabelled, C + 1."""
    return np.where(cues.sum(0) == 1, cues.argmax(0), len(cues)).astype(np.uint8)


def harmonic_labels(maps: Floats, saliency: Floats, tags: Sequence[int], threshold: float) -> npt.NDArray[np.uint8]:
    """The class with the greatest harmonic mean of map and saliency, background where that stays below ``threshold``.

    The published code has this rule without calling it. Every cell gets a label; without tags all are background.

    Args:
        maps: C x h x w, not negative.
        saliency: h x w in 0..1.
    """
    if not len(tags):
        return np.zeros(saliency.shape, np.uint8)
    means = 2 / (1 / (np.stack([maps[tag] for tag in tags]) + TINY) + 1 / (saliency + TINY))
    labels = np.asarray(tags)[means.argmax(0)] + 1
    return np.where(means.max(0) < threshold, 0, labels).astype(np.uint8)
