"""Background scores [H, W] to hold against class activation maps: a pixel is background where no map exceeds them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from common.data.value_ranges import ROUNDING
from common.errors import ConfigError, DataError

Floats = npt.NDArray[np.float32]


def constant(threshold: float, size: tuple[int, int]) -> Floats:
    """The same score everywhere, float32 HxW: background where the best map is not above ``threshold`` (0..1)."""
    if not math.isfinite(threshold):
        raise ConfigError(f"background threshold is {threshold}; give a number between 0 and 1.")
    return np.full(size, threshold, np.float32)


def power(maps: npt.NDArray[np.floating], alpha: float) -> Floats:
    """(1 - largest map) ** alpha, the background of AffinityNet and its successors; a larger alpha leaves less background.

    Args:
        maps: [K, H, W] in 0..1; without a class (K = 0) the score is 1.
    """
    if not alpha > 0 or not math.isfinite(alpha):
        raise ConfigError(f"background exponent alpha is {alpha}; give a positive number (the field uses 4 to 32).")
    best = maps.astype(np.float32, copy=False).max(axis=0, initial=0)
    if not best.max(initial=0) <= 1 + ROUNDING:
        raise DataError("class activation maps must lie in 0..1 for (1 - max) ** alpha; normalise them first.")
    score: Floats = np.power(np.maximum(1 - best, 0), np.float32(alpha))
    return score


def saliency_score(saliency: npt.NDArray[np.uint8]) -> Floats:
    """1 - saliency / 255: the less salient, the more background; competes with the maps in the argmax.

    Args:
        saliency: uint8 HxW, 0..255.
    """
    require_saliency(saliency)
    return (1 - np.arange(256) / 255).astype(np.float32)[saliency]


def saliency_mask(saliency: npt.NDArray[np.uint8], threshold: float = 0.5) -> Floats:
    """Background exactly where saliency / 255 <= threshold; elsewhere the strongest class always wins.

    The score is +infinity or -infinity, which no map beats or loses to.

    Args:
        saliency: uint8 HxW, 0..255.
        threshold: 0..1.
    """
    require_saliency(saliency)
    if not 0 <= threshold <= 1:
        raise ConfigError(f"saliency threshold is {threshold}; give a number between 0 and 1.")
    is_background = np.arange(256) / 255 <= threshold
    return np.where(is_background, np.float32(np.inf), np.float32(-np.inf))[saliency]


def saliency_mean(saliency: npt.NDArray[np.uint8], threshold: float, weight: float = 0.5) -> Floats:
    """The score that a map exceeds exactly where its weighted mean with the saliency map exceeds ``threshold``.

    It may lie below 0, where saliency alone suffices, or above 1, where no map does.

    Args:
        saliency: uint8 HxW, 0..255.
        threshold: 0..1.
        weight: of saliency in the mean, 0 up to, not including, 1.
    """
    require_saliency(saliency)
    if not (0 <= threshold <= 1 and 0 <= weight < 1):
        raise ConfigError(
            f"threshold {threshold} and weight {weight} of the mean with saliency; give numbers between 0 and 1."
        )
    return ((threshold - weight * np.arange(256) / 255) / (1 - weight)).astype(np.float32)[saliency]


def require_saliency(saliency: npt.NDArray[np.uint8]) -> None:
    """Raise :class:`DataError` unless it is uint8 HxW."""
    if saliency.dtype != np.uint8 or saliency.ndim != 2:
        raise DataError(f"saliency is {saliency.dtype} {saliency.shape}; expected uint8 height x width.")
