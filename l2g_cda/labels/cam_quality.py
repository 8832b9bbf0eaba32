"""The published measure of CAM quality: ``evaluate.py`` (l2g_cda spec, section 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.metrics.confusion import Matrix
from l2g_cda.labels.sweep import class_scores

# Over- and under-activation: the thresholds whose false positives come nearest to these multiples of the best one's.
OVER, UNDER = 1.6, 0.6


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


def cam_quality(matrix: Matrix, threshold: float | None) -> CamQuality:
    """The scores of one confusion matrix [n, n + 1]."""
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
