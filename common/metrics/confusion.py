"""Confusion matrix of one image.

The matrix has one row per label of the truth and one column per predicted label, **plus a last column for predictions
that are none of the labels** (255 or any other number). Such pixels belong to the row of their true label: a prediction
that abstains counts as an error and cannot raise a score.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from common.data.palette import IGNORE_LABEL
from common.errors import DataError

LabelMap = npt.NDArray[np.integer]
Bytes = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.int64]

# 8-bit maps: 255 can never be a label, so inside this module it stands for "ignored" (truth) and "none" (prediction).
MAX_LABELS = 255
NO_LABEL = 255
# OpenCV returns the histogram as float32, which counts exactly up to 2**24 pixels.
EXACT_PIXELS = 1 << 24


def confusion_matrix(truth: LabelMap, prediction: LabelMap, n_labels: int, ignore_label: int = IGNORE_LABEL) -> Matrix:
    """Count pixels by (truth, prediction).

    Args:
        truth: integers HxW, 0..n_labels-1 or ``ignore_label``; ignored pixels are not counted.
        prediction: integers HxW; every value outside 0..n_labels-1 counts in the last column.
        n_labels: number of labels with the background, 1..255.

    Returns:
        int64 [n_labels, n_labels + 1], rows = truth, columns = prediction, last column = none of the labels.

    Raises:
        DataError: sizes differ, a map is not integer HxW, or the truth holds another value.
    """
    check_label_count(n_labels)
    if truth.shape != prediction.shape:
        raise DataError(
            f"truth is {size_text(truth)} but prediction is {size_text(prediction)} (height x width); "
            "write predictions at the size of the truth."
        )
    counts = joint_histogram(truth_bytes(truth, n_labels, ignore_label), prediction_bytes(prediction, n_labels))
    check_truth_values(counts.sum(axis=1), n_labels, ignore_label)
    none_of_the_labels = counts[:n_labels, n_labels:].sum(axis=1, keepdims=True)
    return np.concatenate([counts[:n_labels, :n_labels], none_of_the_labels], axis=1)


def check_label_count(n_labels: int) -> None:
    """Raise :class:`DataError` unless there are 1..255 labels, background included."""
    if not 1 <= n_labels <= MAX_LABELS:
        raise DataError(f"number of labels is {n_labels}; 8-bit label maps allow 1 to {MAX_LABELS}.")


def check_truth_values(pixels_of_value: Matrix, n_labels: int, ignore_label: int) -> None:
    """Raise :class:`DataError` if the truth holds a foreign value; ``pixels_of_value``: int64 [256], its histogram."""
    foreign = np.flatnonzero(pixels_of_value[n_labels:NO_LABEL])
    if foreign.size:
        raise foreign_value_error(n_labels + int(foreign[0]), n_labels, ignore_label)


def joint_histogram(first: Bytes, second: Bytes) -> Matrix:
    """How often each pair of byte values occurs: int64 [256, 256] of two uint8 arrays HxW."""
    counts = np.zeros((256, 256), np.int64)
    rows = max(1, EXACT_PIXELS // max(1, first.shape[1]))
    for start in range(0, first.shape[0], rows):
        bands = [first[start : start + rows], second[start : start + rows]]
        counts += cv2.calcHist(bands, [0, 1], None, [256, 256], [0, 256, 0, 256]).astype(np.int64)
    return counts


def truth_bytes(truth: LabelMap, n_labels: int, ignore_label: int) -> Bytes:
    """The truth as uint8 HxW with ignored pixels at 255; foreign values of an uint8 map are left for the histogram."""
    require_label_map(truth)
    if truth.dtype == np.uint8 and ignore_label == NO_LABEL:
        return np.ascontiguousarray(truth, np.uint8)
    ignored = truth == ignore_label
    foreign = ~ignored & ((truth < 0) | (truth >= n_labels))
    if foreign.any():
        raise foreign_value_error(int(truth[foreign][0]), n_labels, ignore_label)
    return np.where(ignored, NO_LABEL, truth).astype(np.uint8)


def prediction_bytes(prediction: LabelMap, n_labels: int) -> Bytes:
    """The prediction as uint8 HxW with everything that is no label at n_labels..255."""
    require_label_map(prediction)
    if prediction.dtype == np.uint8:
        return np.ascontiguousarray(prediction, np.uint8)
    return np.where((prediction < 0) | (prediction >= n_labels), NO_LABEL, prediction).astype(np.uint8)


def require_label_map(label_map: LabelMap) -> None:
    """Raise :class:`DataError` unless it is HxW of integers."""
    if label_map.ndim != 2 or label_map.dtype.kind not in "iu":
        raise DataError(f"a label map is {label_map.dtype} {size_text(label_map)}; expected integers height x width.")


def foreign_value_error(value: int, n_labels: int, ignore_label: int) -> DataError:
    return DataError(
        f"the truth holds label {value}, which is neither 0..{n_labels - 1} nor the ignore label {ignore_label}; "
        "give the right number of classes or correct the file."
    )


def size_text(array: npt.NDArray[np.generic]) -> str:
    """The shape of an array of any type as ``375x500``."""
    return "x".join(str(side) for side in array.shape)
