"""Scores of attention or CAM files at many background thresholds, with the published definitions (l2g_cda spec, section 7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.data.images import read_label_map
from common.data.layout import DatasetLayout
from common.data.palette import IGNORE_LABEL
from common.errors import DataError
from common.metrics.confusion import Matrix
from common.metrics.folder import sum_over_images
from common.metrics.sweep import CamSample, checked_thresholds, matrices_of_thresholds, winner_counts
from l2g_cda.labels.pseudo import AttentionScores
from l2g_cda.labels.random_walk_files import read_random_walk

Floats = npt.NDArray[np.float64]
Load = Callable[[str], CamSample]

VOC_THRESHOLDS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
COCO_THRESHOLDS = (0.2, 0.3)


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
    def share(part: Floats, whole: Floats) -> Floats:
        return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def class_scores(matrix: Matrix) -> ClassScores:
    """The counts of a confusion matrix [n, n + 1] (rows: truth)."""
    n_labels = matrix.shape[0]
    hits = np.diag(matrix[:, :n_labels]).astype(np.float64)
    return ClassScores(hits, matrix.sum(axis=1) - hits, matrix[:, :n_labels].sum(axis=0) - hits)


def threshold_matrices(
    load: Load, ids: Sequence[str], thresholds: Sequence[float], n_labels: int, workers: int | None = None
) -> list[Matrix]:
    """One confusion matrix int64 [n, n + 1] per threshold; every image is read once.

    Args:
        load: the truth and the maps of an id; called from several threads.
        thresholds: background scores, strictly ascending.

    Raises:
        DataError: there is no image, or a file is missing or does not fit (the message names the image).
    """
    edges = checked_thresholds(thresholds)

    def count(image_id: str) -> npt.NDArray[np.int64]:
        try:
            return winner_counts(load(image_id), edges, n_labels, IGNORE_LABEL)
        except DataError as error:
            raise DataError(f"image {image_id}: {error}") from error

    return matrices_of_thresholds(sum_over_images(count, ids, workers))


def attention_samples(layout: DatasetLayout, ids: Sequence[str], folder: Path) -> Load:
    """Truth and attention PNGs of an image."""
    scores = AttentionScores(layout, layout.read_tags(ids), folder)
    return lambda image_id: CamSample(read_label_map(layout.mask_path(image_id)), *scores(image_id))


def random_walk_samples(layout: DatasetLayout, folder: Path) -> Load:
    """Truth and random-walk file of an image."""
    return lambda image_id: CamSample(read_label_map(layout.mask_path(image_id)), *read_random_walk(folder, image_id))


def sweep_record(matrix: Matrix, threshold: float, names: Sequence[str]) -> dict[str, Any]:
    """What ``evaluate_mthr`` appends to ``result.txt`` for one threshold.

    Fractions; the lists hold texts with two decimals, in label order. The published field TN really counts false
    negatives; it keeps its name.
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
    """Mean of the numbers among ``values``; NaN without any."""
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")
