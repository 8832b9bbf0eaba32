"""Label maps from class activation maps and a background score."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from common.data.palette import IGNORE_LABEL
from common.errors import DataError
from common.pseudo_labels.background import Floats

LabelMap = npt.NDArray[np.uint8]
Keys = npt.NDArray[np.integer]


def pseudo_label(maps: npt.NDArray[np.floating], keys: Keys, background: npt.NDArray[np.floating]) -> LabelMap:
    """Every pixel gets the class with the largest map, or background where no map exceeds the background score.

    A tie goes to the background, and among classes to the first key, as in an argmax over [background, maps].

    Args:
        maps: [K, H, W] in 0..1, compared as float32. K = 0 gives all background.
        keys: [K] 0-based class numbers; class k becomes label k + 1.
        background: [H, W] scores of :mod:`common.pseudo_labels.background`.

    Returns:
        uint8 HxW, 0 background, 1..C classes.

    Raises:
        DataError: sizes do not fit, a key is out of range, or a map holds NaN.
    """
    if background.shape != maps.shape[1:]:
        raise DataError(
            f"background scores {background.shape} do not fit maps {maps.shape}; expected [K, H, W] and [H, W]."
        )
    if np.isnan(background).any():
        raise DataError("the background scores hold NaN; recompute the maps or saliency they come from.")
    best, labels = strongest_class(maps, keys)
    return np.where(best > background.astype(np.float32, copy=False), labels, np.uint8(0))


def strongest_class(maps: npt.NDArray[np.floating], keys: Keys) -> tuple[Floats, LabelMap]:
    """The largest map value of each pixel (float32 HxW) and its label, key + 1 (uint8 HxW).

    Without a class (K = 0) the values are -infinity and the labels 0.
    """
    if maps.ndim != 3 or keys.shape != maps.shape[:1]:
        raise DataError(
            f"keys {keys.shape} do not fit maps {maps.shape}; expected [K] class numbers and [K, H, W] maps."
        )
    if len(keys) == 0:
        return np.full(maps.shape[1:], -np.inf, np.float32), np.zeros(maps.shape[1:], np.uint8)
    if keys.min() < 0 or keys.max() + 1 >= IGNORE_LABEL:
        raise DataError(
            f"class numbers {keys.tolist()} must lie in 0..{IGNORE_LABEL - 2}; keys are 0-based tag indexes."
        )
    scores = maps.astype(np.float32, copy=False)
    best = scores.max(axis=0)
    if np.isnan(best).any():
        raise DataError("a class activation map holds NaN; compute it again.")
    return best, (keys.astype(np.uint8) + np.uint8(1))[scores.argmax(axis=0)]


def ignore_between(confident_foreground: LabelMap, confident_background: LabelMap) -> LabelMap:
    """Combine the labels of a high and of a low background threshold into one map with unsure pixels (IRN).

    Args:
        confident_foreground: label map of the high threshold (IRN 0.30): what is foreground here, is.
        confident_background: label map of the low threshold (IRN 0.05): what is background here, is.

    Returns:
        uint8 HxW: the class where the first has one, 0 where both are background, 255 elsewhere.
    """
    if confident_foreground.shape != confident_background.shape:
        raise DataError(f"label maps {confident_foreground.shape} and {confident_background.shape} must have one size.")
    unsure = np.where(confident_background == 0, np.uint8(0), np.uint8(IGNORE_LABEL))
    return np.where(confident_foreground == 0, unsure, confident_foreground)
