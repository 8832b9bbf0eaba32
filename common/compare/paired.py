"""Counts per image, and the difference of two methods with an interval: the same images are drawn for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from common.data.images import read_label_map
from common.errors import DataError, InputFailed
from common.files import read_npz, write_npz
from common.metrics.confusion import Matrix, confusion_matrix
from common.metrics.folder import PathOf
from common.metrics.scores import restrict_truth

DRAWS = 2000
# Draws that are worked on at a time.
DRAWS_AT_A_TIME = 100
INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class ImageCounts:
    """The confusion matrix of every image of a list.

    Attributes:
        ids: of the images.
        counts: int64 [N, n, n + 1]; rows: truth, last column: none of the labels.
    """

    ids: tuple[str, ...]
    counts: npt.NDArray[np.int64]

    def of(self, ids: Sequence[str]) -> npt.NDArray[np.int64]:
        """The counts of some of the images, in the order of ``ids``."""
        place = {one: index for index, one in enumerate(self.ids)}
        return self.counts[[place[one] for one in ids]]


@dataclass(frozen=True)
class Difference:
    """Mean IoU of one method minus that of another, percentage points, with its 95 % interval over images."""

    mean: float
    low: float
    high: float
    n_images: int


def count_images(
    truth_path: PathOf, prediction_path: PathOf, ids: Sequence[str], labels: Sequence[int], n_labels: int, upright: bool
) -> ImageCounts:
    """Count every image by itself; images that a stage before failed with are left out.

    Args:
        labels: those that are scored; other truths are ignored, see :func:`common.metrics.scores.restrict_truth`.
        n_labels: number of labels of the dataset, background included.

    Raises:
        DataError: nothing is left, or label maps cannot be read or do not fit.
    """
    found: list[tuple[str, Matrix]] = []
    for one in ids:
        try:
            truth, prediction = read_label_map(truth_path(one), upright), read_label_map(prediction_path(one), upright)
        except InputFailed:
            continue
        found.append((one, restrict_truth(confusion_matrix(truth, prediction, n_labels), labels)))
    if not found:
        raise DataError(f"none of the {len(ids)} images has a label map at {prediction_path(ids[0])}")
    return ImageCounts(tuple(one for one, _ in found), np.stack([matrix for _, matrix in found]))


def write_counts(path: Path, counts: ImageCounts) -> None:
    write_npz(path, ids=np.array(counts.ids), counts=counts.counts)


def read_counts(path: Path) -> ImageCounts:
    """Raises :class:`DataError` where the file is missing or broken."""
    arrays = read_npz(path)
    if not {"ids", "counts"} <= set(arrays):
        raise DataError(f"{path} holds no counts per image; delete it and run the comparison again")
    return ImageCounts(tuple(map(str, arrays["ids"])), arrays["counts"].astype(np.int64))


def mean_iou(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean IoU, 0..1, [B], of B matrices [B, n, n + 1], over the classes that occur in the truth of each."""
    n = sums.shape[1]
    hits = np.diagonal(sums[:, :, :n], axis1=1, axis2=2)
    truth, predicted = sums.sum(2), sums[:, :, :n].sum(1)
    union = truth + predicted - hits
    iou = np.divide(hits, union, out=np.zeros_like(hits), where=union > 0)
    present = truth > 0
    mean: npt.NDArray[np.float64] = (iou * present).sum(1) / np.maximum(present.sum(1), 1)
    return mean


def paired_difference(ours: Sequence[ImageCounts], theirs: Sequence[ImageCounts], draws: int = DRAWS) -> Difference:
    """Bootstrap over images: each draw takes as many images as there are, with replacement, the same for both methods and all
    seeds; its value is the difference of the mean IoU, averaged over seeds. The same numbers come out every time.

    Args:
        ours, theirs: one entry per seed, of one list.

    Raises:
        DataError: other numbers of seeds, or no image that all of them have.
    """
    if len(ours) != len(theirs) or not ours:
        raise DataError(f"{len(ours)} seeds cannot be paired with {len(theirs)}")
    shared = set.intersection(*(set(one.ids) for one in (*ours, *theirs)))
    ids = [one for one in ours[0].ids if one in shared]
    if not ids:
        raise DataError("the two methods have no image in common")
    pairs = [(one.of(ids), other.of(ids)) for one, other in zip(ours, theirs, strict=True)]
    whole = np.mean([_difference(one.sum(0)[None], other.sum(0)[None])[0] for one, other in pairs])
    generator, values = np.random.default_rng(0), []
    for start in range(0, draws, DRAWS_AT_A_TIME):
        number = min(DRAWS_AT_A_TIME, draws - start)
        weights = generator.multinomial(len(ids), np.full(len(ids), 1 / len(ids)), size=number).astype(np.float64)
        values.append(
            np.mean([_difference(drawn(weights, one), drawn(weights, other)) for one, other in pairs], axis=0)
        )
    low, high = np.percentile(np.concatenate(values), INTERVAL)
    return Difference(100 * float(whole), 100 * float(low), 100 * float(high), len(ids))


def drawn(weights: npt.NDArray[np.float64], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Sums [B, n, n + 1] of counts [N, n, n + 1] with weights [B, N]."""
    flat = counts.reshape(len(counts), -1).astype(np.float64)
    return (weights @ flat).reshape(len(weights), *counts.shape[1:])


def _difference(one: npt.NDArray, other: npt.NDArray) -> npt.NDArray[np.float64]:
    difference: npt.NDArray[np.float64] = mean_iou(one.astype(np.float64)) - mean_iou(other.astype(np.float64))
    return difference
