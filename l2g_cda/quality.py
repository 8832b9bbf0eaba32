"""The published scores of maps at many background thresholds: ``evaluate.py`` and ``evaluate_mthr`` (l2g_cda spec, section 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from common.metrics.confusion import Matrix

Floats = npt.NDArray[np.float64]

# Over- and under-activation: the thresholds whose false positives come nearest to these multiples of the best one's.
OVER, UNDER = 1.6, 0.6


@dataclass(frozen=True)
class ClassScores:
    """Per-label counts and scores of one confusion matrix, float64 [n], NaN where a score has no pixel to count.

    Attributes:
        hits, missed, false: true positives, false negatives and false positives in pixels.
    """

    hits: Floats
    missed: Floats
    false: Floats

    @property
    def iou(self) -> Floats:
        return self.share(self.hits, self.hits + self.missed + self.false)

    @property
    def recall(self) -> Floats:
        return self.share(self.hits, self.hits + self.missed)

    @property
    def precision(self) -> Floats:
        return self.share(self.hits, self.hits + self.false)

    @staticmethod
    def share(part: Floats, of: Floats) -> Floats:
        """part / of for counts [n], NaN where there is nothing to divide by."""
        return np.divide(part, of, out=np.full_like(part, np.nan), where=of > 0)


def class_scores(matrix: Matrix) -> ClassScores:
    """The counts of a confusion matrix, int64 [n, n + 1] (rows: truth)."""
    n_labels = matrix.shape[0]
    hits = np.diag(matrix[:, :n_labels]).astype(np.float64)
    return ClassScores(hits, matrix.sum(axis=1) - hits, matrix[:, :n_labels].sum(axis=0) - hits)


def sweep_record(matrix: Matrix, threshold: float, names: Sequence[str]) -> dict[str, Any]:
    """What ``evaluate_mthr`` writes to ``result.txt`` for one threshold.

    Fractions; the lists hold texts with two decimals, in label order. The published field TN really counts false
    negatives; it keeps its name.

    Args:
        matrix: int64 [n, n + 1].
        names: of all labels, background first.
    """
    scores = class_scores(matrix)
    return {
        "Threshold": threshold,
        "Recall": [f"{value:.2f}" for value in scores.recall],
        "Precision": [f"{value:.2f}" for value in scores.precision],
        "Mean_Recall": nan_mean(scores.recall),
        "Mean_Precision": nan_mean(scores.precision),
        "IoU": dict(zip(names, scores.iou.tolist(), strict=True)),
        "Mean IoU": nan_mean(scores.iou),
        "TP": scores.hits.tolist(),
        "TN": scores.missed.tolist(),
        "FP": scores.false.tolist(),
    }


def nan_mean(values: Floats) -> float:
    """Mean of the numbers among ``values`` [n]; NaN without any."""
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")


@dataclass(frozen=True)
class CamQuality:
    """Scores of one threshold.

    Attributes:
        threshold: the background score; None for label maps, which have none.
        miou: percent; the plain mean over all labels, where a label without any pixel counts 0.
        false_positive, false_negative: false pixels over the union, mean over the classes without background.
        foreground_iou: mean IoU without the background, a fraction.
        class_iou: percent, per label.
    """

    threshold: float | None
    miou: float
    false_positive: float
    false_negative: float
    foreground_iou: float
    class_iou: tuple[float, ...]

    def line(self) -> str:
        threshold = "" if self.threshold is None else f"threshold {self.threshold:.2f}: "
        return (
            f"{threshold}mIoU {self.miou:.3f}, FP {self.false_positive:.4f}, FN {self.false_negative:.4f}, "
            f"foreground {100 * self.foreground_iou:.3f}"
        )


def cam_quality(matrix: Matrix, threshold: float | None) -> CamQuality:
    """The scores of one confusion matrix, int64 [n, n + 1]."""
    scores = class_scores(matrix)
    union = scores.hits + scores.missed + scores.false
    iou, false_positive, false_negative = (
        np.nan_to_num(scores.share(part, union)) for part in (scores.hits, scores.false, scores.missed)
    )
    return CamQuality(
        threshold=threshold,
        miou=float(100 * iou.mean()),
        false_positive=float(false_positive[1:].mean()),
        false_negative=float(false_negative[1:].mean()),
        foreground_iou=float(iou[1:].mean()),
        class_iou=tuple((100 * iou).tolist()),
    )


def best_quality(sweep: Sequence[CamQuality]) -> CamQuality:
    """The one with the largest mIoU; the first on ties."""
    return max(sweep, key=lambda quality: quality.miou)


def activation_thresholds(sweep: Sequence[CamQuality]) -> tuple[CamQuality, CamQuality]:
    """Over- and under-activated: false positives nearest to 1.6 and to 0.6 times those of the best."""
    best = best_quality(sweep).false_positive
    over, under = (
        min(sweep, key=lambda quality: abs(quality.false_positive - factor * best)) for factor in (OVER, UNDER)
    )
    return over, under
