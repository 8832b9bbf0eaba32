"""Resampling with aligned corners, as ``scipy.ndimage.zoom`` does it, for code that was published with it (sgan spec, 4.1, 10.4).

Output position i of ``size`` lies at i (n - 1) / (size - 1) of n input positions. For some pairs of sizes the last position is
rounded to just beyond the input, where scipy writes 0; by default it is drawn back onto the edge instead.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from common.errors import DataError

Floats = npt.NDArray[np.float64]


def positions(length: int, size: int) -> Floats:
    """Where the ``size`` output positions lie among ``length`` input positions; may exceed ``length - 1`` by rounding.

    Returns:
        float64 [size].
    """
    if length < 1 or size < 1:
        raise DataError(f"cannot resize {length} to {size} pixels; both need at least one")
    step = (length - 1) / (size - 1) if size > 1 else 1.0
    return np.arange(size, dtype=np.float64) * step


def zoom_linear(array: npt.NDArray, size: tuple[int, int], repaired: bool = True) -> npt.NDArray:
    """Bilinear resize of H x W or H x W x K to ``size`` (height, width).

    Args:
        array: uint8 (the result is rounded half up) or float.
        repaired: False for scipy's zeros in the last row or column of some sizes.
    """
    values = array.astype(np.float64)
    weights = []
    for axis in (0, 1):
        place = positions(array.shape[axis], size[axis])
        low = np.minimum(np.floor(place), array.shape[axis] - 1)
        share = np.clip(place - low, 0, 1)
        weights.append((low.astype(np.int64), 1 - share))
    (rows, row_weight), (columns, column_weight) = weights
    below, right = np.minimum(rows + 1, array.shape[0] - 1), np.minimum(columns + 1, array.shape[1] - 1)
    tail = (1,) * (array.ndim - 2)
    row_weight = row_weight.reshape(-1, 1, *tail)
    column_weight = column_weight.reshape(1, -1, *tail)
    upper, lower = values[rows], values[below]
    # The order of these products and sums is scipy's: halves must round the same way.
    result = upper[:, columns] * row_weight * column_weight
    result += upper[:, right] * row_weight * (1 - column_weight)
    result += lower[:, columns] * (1 - row_weight) * column_weight
    result += lower[:, right] * (1 - row_weight) * (1 - column_weight)
    if not repaired:
        clear_beyond_edge(result, array.shape)
    if array.dtype == np.uint8:
        return np.clip(result + 0.5, 0, 255).astype(np.uint8)
    return result.astype(array.dtype)


def zoom_nearest(array: npt.NDArray, size: tuple[int, int], repaired: bool = True) -> npt.NDArray:
    """Nearest neighbour of H x W or H x W x K of any dtype, position + 1/2 rounded down; see :func:`zoom_linear`."""
    indexes = [
        np.minimum((positions(length, wanted) + 0.5).astype(np.int64), length - 1)
        for length, wanted in zip(array.shape[:2], size, strict=True)
    ]
    result = array[indexes[0]][:, indexes[1]]
    if not repaired:
        clear_beyond_edge(result, array.shape)
    return result


def clear_beyond_edge(result: npt.NDArray, shape: tuple[int, ...]) -> None:
    """Write 0 where scipy does: at positions that rounding has put beyond the input of ``shape``.

    Args:
        result: H x W or H x W x K of any dtype; changed in place.
    """
    rows, columns = (positions(shape[axis], result.shape[axis]) > shape[axis] - 1 for axis in (0, 1))
    result[rows] = 0
    result[:, columns] = 0
