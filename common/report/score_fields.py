"""From the scores of a confusion matrix (fractions) to the score fields of a result (percent)."""

from __future__ import annotations

import math
from typing import Any

from common.metrics.scores import MeanOver, Scores


def score_fields(scores: Scores, over: MeanOver = "present") -> dict[str, Any]:
    """The fields of :class:`common.report.results.Result` that hold scores, ready for ``Result(**score_fields(s), ...)``.

    ``over`` must be what :func:`common.metrics.scores.compute_scores` was given: with ``present`` a class that is only
    predicted becomes NaN, as it is not in the mean.
    """
    left_out = scores.absent if over == "present" else ()
    return {
        "miou": 100 * scores.mean_iou,
        "class_iou": {
            name: math.nan if name in left_out else 100 * iou
            for name, iou in zip(scores.names, scores.class_iou, strict=True)
        },
        "pixel_accuracy": 100 * scores.pixel_accuracy,
        "mean_accuracy": 100 * scores.mean_accuracy,
        "false_positive_rate": 100 * scores.false_positive_rate,
        "false_negative_rate": 100 * scores.false_negative_rate,
    }
