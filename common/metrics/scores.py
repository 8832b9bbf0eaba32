"""Scores of a confusion matrix, with the field's definitions (deeplab-pytorch, DRS, EPS and SEAM evaluators).

All functions take the matrix of :func:`common.metrics.confusion.confusion_matrix`: rows = truth, columns = prediction,
one more column for predictions that are none of the labels. All scores are fractions, not percent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from common.errors import ConfigError, DataError
from common.metrics.confusion import Matrix

Floats = npt.NDArray[np.float64]
MeanOver = Literal["present", "all"]


@dataclass(frozen=True)
class Scores:
    """Scores of one confusion matrix; per-class tuples follow ``names``, NaN where a class has no value."""

    pixel_accuracy: float
    mean_accuracy: float
    mean_iou: float
    frequency_weighted_iou: float
    false_positive_rate: float
    false_negative_rate: float
    names: tuple[str, ...]
    class_iou: tuple[float, ...]
    class_false_positive_rate: tuple[float, ...]
    class_false_negative_rate: tuple[float, ...]
    class_precision: tuple[float, ...]
    class_recall: tuple[float, ...]
    absent: tuple[str, ...]
    """Names of the classes without a pixel in the truth; with ``over="present"`` they are in none of the means."""


def compute_scores(matrix: Matrix, names: Sequence[str] | None = None, over: MeanOver = "present") -> Scores:
    """Scores of a confusion matrix.

    Per class c with true positives TP, false positives FP, false negatives FN: IoU = TP / (TP + FP + FN), false positive
    rate = FP / (TP + FP + FN), false negative rate = FN / (TP + FP + FN); the three add up to 1. Precision = TP / (TP + FP),
    recall = TP / (TP + FN).

    Args:
        matrix: int64 [n, n + 1] (or [n, n]).
        names: one name per label, background included; the label numbers if not given.
        over: which classes enter mean IoU and the mean rates: ``present`` = those with a pixel in the truth
            (deeplab-pytorch), ``all`` = also those that are only predicted, whose IoU is 0 (DRS).

    Raises:
        DataError: the matrix holds no pixel, or ``names`` has the wrong length.
    """
    n_labels = matrix.shape[0]
    names = tuple(names) if names is not None else tuple(str(label) for label in range(n_labels))
    if len(names) != n_labels:
        raise DataError(f"{len(names)} names for {n_labels} labels; name every label, the background included.")
    if over not in ("present", "all"):
        raise ConfigError(f"mean over {over!r} is unknown; use 'present' or 'all'.")
    total = int(matrix.sum())
    if total == 0:
        raise DataError("no pixel to score: every pixel of the truth is ignored.")
    hits = np.diag(matrix[:, :n_labels]).astype(np.float64)
    in_truth = matrix.sum(axis=1).astype(np.float64)
    predicted = matrix[:, :n_labels].sum(axis=0).astype(np.float64)
    union = in_truth + predicted - hits
    iou = ratio(hits, union)
    present = in_truth > 0
    counted = present if over == "present" else union > 0
    false_positive = ratio(predicted - hits, union)
    false_negative = ratio(in_truth - hits, union)
    recall = ratio(hits, in_truth)
    return Scores(
        pixel_accuracy=float(hits.sum() / total),
        mean_accuracy=float(np.mean(recall[present])),
        mean_iou=float(np.mean(iou[counted])),
        frequency_weighted_iou=float(np.sum((in_truth / total * iou)[present])),
        false_positive_rate=float(np.mean(false_positive[counted])),
        false_negative_rate=float(np.mean(false_negative[counted])),
        names=names,
        class_iou=as_tuple(iou),
        class_false_positive_rate=as_tuple(false_positive),
        class_false_negative_rate=as_tuple(false_negative),
        class_precision=as_tuple(ratio(hits, predicted)),
        class_recall=as_tuple(recall),
        absent=tuple(name for name, is_present in zip(names, present, strict=True) if not is_present),
    )


def restrict_truth(matrix: Matrix, labels: Sequence[int]) -> Matrix:
    """Keep only the given labels of the truth; pixels of all other labels are ignored there.

    Predicting one of the dropped labels stays an error of the true class: it moves to the last column. The same
    restriction applied to the images before counting would let such predictions vanish.

    Args:
        matrix: int64 [n, n + 1].
        labels: distinct label numbers to keep, in the order of the result.

    Returns:
        int64 [k, k + 1] for k = len(labels).
    """
    n_labels = matrix.shape[0]
    wrong = [label for label in labels if not 0 <= label < n_labels]
    if wrong or len(set(labels)) != len(labels) or not labels:
        raise ConfigError(
            f"labels to score {list(labels)} must be distinct numbers in 0..{n_labels - 1}, at least one."
        )
    rows = matrix[list(labels)]
    kept = rows[:, list(labels)]
    others = rows.sum(axis=1, keepdims=True) - kept.sum(axis=1, keepdims=True)
    return np.concatenate([kept, others], axis=1)


def published_json(scores: Scores, labels: Sequence[int] | None = None) -> dict[str, Any]:
    """The content of deeplab-pytorch's ``scores.json``; absent classes are NaN.

    Args:
        labels: the label number of each class, needed after :func:`restrict_truth`; 0, 1, 2, ... if not given.
    """
    labels = range(len(scores.class_iou)) if labels is None else labels
    return {
        "Pixel Accuracy": scores.pixel_accuracy,
        "Mean Accuracy": scores.mean_accuracy,
        "Frequency Weighted IoU": scores.frequency_weighted_iou,
        "Mean IoU": scores.mean_iou,
        "Class IoU": {str(label): iou for label, iou in zip(labels, scores.class_iou, strict=True)},
    }


def ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole of float64 [n] each, NaN where whole is 0."""
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def as_tuple(values: Floats) -> tuple[float, ...]:
    """float64 [n] as Python numbers."""
    return tuple(float(value) for value in values)
