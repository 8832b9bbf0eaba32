"""The published scores of a confusion matrix (sgan spec, section 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.metrics.confusion import Matrix

EPSILON = 1e-5
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SeedScores:
    """Fractions, per class in label order, and their means.

    A class that is not in the masks counts 0 in mean precision and mean recall, and not at all in mean IoU.
    """

    iou: Floats
    precision: Floats
    recall: Floats
    mean_iou: float
    mean_precision: float
    mean_recall: float
    pixel_accuracy: float
    mean_class_accuracy: float
    frequency_weighted_iou: float


def seed_scores(matrix: Matrix) -> SeedScores:
    """Scores of a matrix [n, n + 1]: rows = truth, columns = prediction, last column = unlabelled.

    Unlabelled pixels lower recall and IoU, not precision.
    """
    n_labels = matrix.shape[0]
    counts = matrix.astype(np.float64)
    hits, in_truth, predicted = np.diag(counts[:, :n_labels]), counts.sum(1), counts[:, :n_labels].sum(0)
    precision, recall = hits / (predicted + EPSILON), hits / (in_truth + EPSILON)
    union = in_truth + predicted - hits
    iou = np.divide(hits, union, out=np.full(n_labels, np.nan), where=union > 0)
    accuracy = np.divide(hits, in_truth, out=np.full(n_labels, np.nan), where=in_truth > 0)
    frequency = in_truth / in_truth.sum()
    return SeedScores(
        iou=iou,
        precision=precision,
        recall=recall,
        mean_iou=float(np.nanmean(iou)),
        mean_precision=float(precision.mean()),
        mean_recall=float(recall.mean()),
        pixel_accuracy=float(hits.sum() / in_truth.sum()),
        mean_class_accuracy=float(np.nanmean(accuracy)),
        frequency_weighted_iou=float((frequency * iou)[frequency > 0].sum()),
    )


def scores_table(scores: SeedScores, names: Sequence[str]) -> str:
    """Percent per class and their means, as text."""
    rows = [f"{'class':15s} {'IoU':>6s} {'precision':>9s} {'recall':>6s}"]
    lines = zip(names, 100 * scores.iou, 100 * scores.precision, 100 * scores.recall, strict=True)
    rows += [f"{name:15s} {iou:6.2f} {precision:9.2f} {recall:6.2f}" for name, iou, precision, recall in lines]
    means = [100 * value for value in (scores.mean_iou, scores.mean_precision, scores.mean_recall)]
    rows.append(f"{'mean':15s} {means[0]:6.2f} {means[1]:9.2f} {means[2]:6.2f}")
    return "\n".join(rows)
