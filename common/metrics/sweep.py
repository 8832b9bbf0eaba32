"""Choose the background threshold of CAMs in one pass over the images.

Below a constant background score every pixel is background; above it the class with the largest map wins, whatever the
threshold. So each image is reduced once to counts of (truth, winning label, number of thresholds below the winning score)
and the confusion matrix of every threshold follows from sums of those counts, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.data.mask_sets import require_a_class
from common.data.palette import IGNORE_LABEL
from common.errors import ConfigError, DataError, InputFailed
from common.metrics.confusion import (
    LabelMap,
    Matrix,
    check_label_count,
    check_truth_values,
    size_text,
    truth_bytes,
)
from common.metrics.folder import ImageSums, sum_over_images
from common.metrics.scores import MeanOver, Scores, compute_scores, restrict_truth
from common.pseudo_labels.labels import Keys, strongest_class

Thresholds = npt.NDArray[np.float32]


@dataclass(frozen=True)
class CamSample:
    """Truth HxW, 0-based class numbers [K] and their maps [K, H, W] in 0..1."""

    truth: LabelMap
    keys: Keys
    maps: npt.NDArray[np.floating]


@dataclass(frozen=True)
class ThresholdSweep:
    """Scores of every background threshold, in ascending order of the thresholds.

    Attributes:
        n_images: images that were counted.
        left_out: ids of the list that were not, as the stage that makes their maps failed with them.
    """

    thresholds: tuple[float, ...]
    scores: tuple[Scores, ...]
    n_images: int
    left_out: tuple[str, ...] = ()

    @property
    def best(self) -> int:
        """Index of the threshold with the largest mean IoU; the smallest such threshold on ties."""
        return int(np.argmax([scores.mean_iou for scores in self.scores]))


def sweep_background_threshold(
    load: Callable[[str], CamSample],
    ids: Sequence[str],
    thresholds: Sequence[float],
    n_labels: int,
    *,
    labels: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    over: MeanOver = "present",
    ignore_label: int = IGNORE_LABEL,
    workers: int | None = None,
) -> ThresholdSweep:
    """Score the argmax over [threshold, maps] for all thresholds, reading every image once.

    A pixel is background where its best map is not above the threshold (ties to the background, float32 comparison),
    as :func:`common.pseudo_labels.labels.pseudo_label` with a constant background.

    Args:
        load: the sample of an id; called from several threads.
        thresholds: strictly ascending, 0..1.
        n_labels: number of labels with the background.
        labels: score only these labels of the truth (see :func:`restrict_truth`); default all.
        names: one name per scored label.
        over: see :func:`compute_scores`.
    """
    sums = threshold_sums(load, ids, thresholds, n_labels, ignore_label=ignore_label, workers=workers)
    matrices = matrices_of_thresholds(sums.total)
    if labels is not None:
        matrices = [restrict_truth(matrix, labels) for matrix in matrices]
    scores = tuple(compute_scores(matrix, names, over) for matrix in matrices)
    return ThresholdSweep(
        tuple(float(threshold) for threshold in thresholds), scores, len(ids) - len(sums.left_out), sums.left_out
    )


def threshold_matrices(
    load: Callable[[str], CamSample],
    ids: Sequence[str],
    thresholds: Sequence[float],
    n_labels: int,
    *,
    ignore_label: int = IGNORE_LABEL,
    workers: int | None = None,
) -> list[Matrix]:
    """One confusion matrix int64 [n, n + 1] per threshold; arguments and errors as :func:`threshold_sums`."""
    sums = threshold_sums(load, ids, thresholds, n_labels, ignore_label=ignore_label, workers=workers)
    return matrices_of_thresholds(sums.total)


def threshold_sums(
    load: Callable[[str], CamSample],
    ids: Sequence[str],
    thresholds: Sequence[float],
    n_labels: int,
    *,
    ignore_label: int = IGNORE_LABEL,
    workers: int | None = None,
) -> ImageSums:
    """:func:`winner_counts` summed over the images; arguments as :func:`sweep_background_threshold`.

    Raises:
        DataError: there is no image, a file is missing or does not fit (the message names the image), or the truths show no
            class at all, but ignored pixels.
    """
    edges = checked_thresholds(thresholds)
    check_label_count(n_labels)

    def count(image_id: str) -> npt.NDArray[np.int64]:
        try:
            return winner_counts(load(image_id), edges, n_labels, ignore_label)
        except InputFailed:
            raise
        except DataError as error:
            raise DataError(f"image {image_id}: {error}") from error

    sums = sum_over_images(count, ids, workers)
    if not matrices_of_thresholds(sums.total)[0][1:].any():
        require_a_class((load(image_id).truth for image_id in ids), n_labels, "the true masks", ignore_label)
    return sums


def winner_counts(sample: CamSample, thresholds: Thresholds, n_labels: int, ignore_label: int) -> npt.NDArray[np.int64]:
    """int64 [n_labels, n_labels, T + 1]: pixels by truth, winning label and number of thresholds below its score."""
    truth = truth_bytes(sample.truth, n_labels, ignore_label)
    if truth.shape != sample.maps.shape[1:]:
        raise DataError(f"truth is {size_text(truth)} but the maps are {sample.maps.shape}; write maps at image size.")
    best, winner = strongest_class(sample.maps, sample.keys)
    if winner.max(initial=0) >= n_labels:
        raise DataError(
            f"class number {int(winner.max()) - 1} is not among {n_labels - 1} classes; give the right number."
        )
    check_truth_values(np.bincount(truth.ravel(), minlength=256), n_labels, ignore_label)
    n_levels = len(thresholds) + 1
    level = np.searchsorted(thresholds, best, side="left")
    # Ignored pixels share one extra row, which is cut off.
    row = np.minimum(truth, n_labels).astype(np.intp)
    cell = (row * n_labels + winner) * n_levels + level
    counts = np.bincount(cell.ravel(), minlength=(n_labels + 1) * n_labels * n_levels)
    return counts.reshape(n_labels + 1, n_labels, n_levels)[:n_labels].astype(np.int64, copy=False)


def matrices_of_thresholds(counts: npt.NDArray[np.int64]) -> list[Matrix]:
    """Confusion matrices int64 [n, n + 1], one per threshold, from :func:`winner_counts`."""
    n_labels = counts.shape[0]
    at_least = counts[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]
    above = np.moveaxis(at_least[:, :, 1:], 2, 0)
    matrices = np.zeros((above.shape[0], n_labels, n_labels + 1), np.int64)
    matrices[:, :, 1:n_labels] = above[:, :, 1:]
    matrices[:, :, 0] = counts.sum(axis=(1, 2)) - above[:, :, 1:].sum(axis=2)
    return list(matrices)


def checked_thresholds(thresholds: Sequence[float]) -> Thresholds:
    """The thresholds as float32 [T], strictly ascending and finite; else a :class:`ConfigError`."""
    edges = np.asarray(thresholds, np.float32)
    if edges.size == 0 or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
        raise ConfigError("background thresholds must be a non-empty, strictly ascending list of numbers.")
    return edges
