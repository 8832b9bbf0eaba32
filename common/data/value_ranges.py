"""What values a map may have: files of another kind in its place are refused, not clipped.

The numbers themselves never change here; half precision and rounding may carry them slightly out of their range.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from common.data.palette import IGNORE_LABEL
from common.errors import DataError

# One step of float16 above 1 is 0.00098.
ROUNDING = 1e-3
# Each of many labels may be off by half a step of float16.
SUM_ROUNDING = 1e-2
BYTES = "They look like values times 255: divide them by 255."


def require_numbers(values: npt.NDArray[Any], name: object, cure: str) -> tuple[float, float]:
    """The smallest and the largest value (0 and 0 of no values at all).

    Args:
        values: of any shape.
        name: what messages call the values, usually the path of their file.
        cure: what to do about it, a sentence.

    Raises:
        DataError: they are no real numbers, or some are NaN or infinite.
    """
    if values.dtype.kind not in "fiub":
        raise DataError(f"{name} holds {values.dtype} values, which are no real numbers. {cure}")
    if not values.size:
        return 0.0, 0.0
    # NaN is both the smallest and the largest of values that hold it.
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise DataError(f"{name} holds NaN or infinite values. {cure}")
    return low, high


def require_unit_range(values: npt.NDArray[Any], name: object, kind: str, cure: str, logits: str = "") -> None:
    """Raise :class:`DataError` unless all values are numbers in 0..1, up to rounding.

    Args:
        values: of any shape.
        name: what messages call the values, usually the path of their file.
        kind: what the values should be, for messages: ``probabilities``.
        cure: what to do where it is not known what the values are, a sentence.
        logits: what to do if they are logits; empty for ``cure``.
    """
    low, high = require_numbers(values, name, cure)
    if low >= -ROUNDING and high <= 1 + ROUNDING:
        return
    advice = BYTES if low >= 0 and 1 < high <= 255 and is_whole(values, high) else logits or cure
    raise DataError(f"{name} has values from {low:.4g} to {high:.4g}; {kind} are 0 to 1. {advice}")


def is_whole(values: npt.NDArray[Any], high: float) -> bool:
    """Whether values in 0..``high`` are like bytes: whole numbers, or spread far beyond what scores reach."""
    return high > 100 or bool((values == np.rint(values)).all())


def require_sums_of_one(values: npt.NDArray[Any], name: object, cure: str) -> None:
    """Raise :class:`DataError` unless values [C, H, W] sum to 1 over the labels in every pixel, up to rounding."""
    if not values.size:
        return
    sums = values.sum(axis=0, dtype=np.float32)
    worst = float(sums.flat[np.abs(sums - 1).argmax()])
    if abs(worst - 1) > SUM_ROUNDING:
        raise DataError(
            f"{name} has values that sum to {worst:.4g} in a pixel; probabilities of all labels sum to 1. {cure}"
        )


def require_labels(label_map: npt.NDArray[np.uint8], name: object, n_labels: int) -> None:
    """Raise :class:`DataError` unless labels H x W are 0..n_labels - 1 or 255, which is ignored."""
    largest = int(label_map.max(initial=0, where=label_map != IGNORE_LABEL))
    if largest >= n_labels:
        raise DataError(
            f"{name} has label {largest}; there are {n_labels}: 0 to {n_labels - 1}, and {IGNORE_LABEL} is ignored"
        )


def require_logits(values: npt.NDArray[Any], name: object, cure: str) -> None:
    """Raise :class:`DataError` unless values [C, H, W] are numbers that are not plainly probabilities."""
    low, high = require_numbers(values, name, cure)
    of_softmax = len(values) > 1 and values.size and low >= 0 and high <= 1
    if of_softmax and np.abs(values.sum(axis=0, dtype=np.float32) - 1).max() <= ROUNDING:
        raise DataError(
            f"{name} has values from {low:.4g} to {high:.4g} that sum to 1: probabilities, no logits. {cure}"
        )
