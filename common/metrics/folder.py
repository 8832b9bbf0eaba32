"""Evaluate two folders of label maps.

The work is shared by threads, not processes: decoding a PNG and counting its pixels both run outside Python's lock, and
threads need no start-up time and are safe next to CUDA.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from common.data.classes import name_classes
from common.data.images import read_label_map
from common.data.mask_sets import readable_masks, require_a_class
from common.data.palette import IGNORE_LABEL
from common.errors import ConfigError, DataError, InputFailed
from common.failures import left_out_line
from common.metrics.confusion import LabelMap, Matrix, confusion_matrix

# Share of a list whose masks may ignore all but background by nature: an object too unsure to be marked.
FEW = 0.01

PathOf = Callable[[str], Path]
# (truth, prediction) -> those that are counted, integers HxW both, e.g. one brought to the size of the other.
Prepare = Callable[[LabelMap, LabelMap], tuple[LabelMap, LabelMap]]


@dataclass(frozen=True)
class EvaluationResult:
    """The confusion matrix over a list: int64 [n, n + 1], rows = truth, last column = none of the labels.

    Attributes:
        n_images: images that were counted.
        left_out: ids of the list that were not, as the stage that predicts them failed with them.
    """

    matrix: Matrix
    n_images: int
    left_out: tuple[str, ...] = ()


class ImageSums(NamedTuple):
    """Attributes: total: the sum over the images that were counted; left_out: ids that a stage before failed with."""

    total: npt.NDArray[np.int64]
    left_out: tuple[str, ...]


def evaluate_folder(
    truth_path: PathOf,
    prediction_path: PathOf,
    ids: Sequence[str],
    n_labels: int,
    *,
    ignore_label: int = IGNORE_LABEL,
    workers: int | None = None,
    prepare: Prepare | None = None,
    upright: bool = False,
) -> EvaluationResult:
    """One confusion matrix over all images of a list, at the size of the files.

    Args:
        truth_path, prediction_path: file of an id.
        ids: the list; must not be empty.
        n_labels: number of labels with the background.
        workers: threads; by default two per core that this process may use.
        prepare: what happens to each pair before it is counted; None for nothing.
        upright: turn label maps as their EXIF orientation says.

    Raises:
        DataError: the list is empty, a file is missing or unreadable, sizes differ, or a truth holds another label;
            the message names the file. Or the truths show no class at all, but ignored pixels.
    """

    objects_ignored: list[str] = []

    def count(identifier: str) -> Matrix:
        truth_file, prediction_file = truth_path(identifier), prediction_path(identifier)
        truth: LabelMap = read_label_map(truth_file, upright)
        prediction: LabelMap = read_label_map(prediction_file, upright)
        try:
            if prepare is not None:
                truth, prediction = prepare(truth, prediction)
            matrix = confusion_matrix(truth, prediction, n_labels, ignore_label)
        except DataError as error:
            raise DataError(f"{prediction_file} against {truth_file}: {error}") from error
        if matrix[0].any() and not matrix[1:].any() and matrix.sum() < truth.size:
            objects_ignored.append(identifier)
        return matrix

    sums = sum_over_images(count, ids, workers)
    if not sums.total[1:].any():
        require_a_class(readable_masks(ids, truth_path), n_labels, str(truth_path(ids[0]).parent), ignore_label)
    if len(objects_ignored) > max(1, FEW * len(ids)):
        print(objects_ignored_line(sorted(objects_ignored), len(ids), ignore_label), file=sys.stderr)
    return EvaluationResult(sums.total, len(ids) - len(sums.left_out), sums.left_out)


def objects_ignored_line(ids: Sequence[str], n_images: int, ignore_label: int) -> str:
    """What is said where some of the true masks show background and ignored pixels only, as binary masks do."""
    return (
        f"note: {len(ids)} of {n_images} true masks hold 0 and {ignore_label} only, and {ignore_label} is ignored: "
        f"{name_classes(ids, 3)}. If that is how they store their objects, write class numbers instead."
    )


def sum_over_images(
    count: Callable[[str], npt.NDArray[np.int64]], ids: Sequence[str], workers: int | None = None
) -> ImageSums:
    """Sum of ``count(id)``, int64 of one shape, over a list, in threads; each keeps one running sum: memory does not grow.

    Images whose file is missing because a stage before failed with them are left out and named, once, on stderr.

    Raises:
        DataError: the list is empty, or nothing of it is left; and whatever ``count`` raises, which stops the other threads at
            their next image.
    """
    if not ids:
        raise DataError("the list of images to evaluate is empty; give a list with at least one id.")
    if workers is not None and workers < 1:
        raise ConfigError(f"workers is {workers}; evaluation needs at least one thread.")
    workers = min(workers or default_workers(), len(ids))
    stop = threading.Event()
    left_out: dict[str, str] = {}

    def count_share(share: Sequence[str]) -> npt.NDArray[np.int64] | None:
        total: npt.NDArray[np.int64] | None = None
        try:
            for identifier in share:
                if stop.is_set():
                    break
                try:
                    counted = count(identifier)
                except InputFailed as error:
                    left_out[identifier] = str(error)
                    continue
                total = counted if total is None else total + counted
            return total
        except BaseException:
            # The sums of the other threads are of no use any more.
            stop.set()
            raise

    with ThreadPoolExecutor(workers) as pool:
        try:
            shares = list(pool.map(count_share, [ids[start::workers] for start in range(workers)]))
        except BaseException:
            stop.set()
            raise
    counted_shares = [share for share in shares if share is not None]
    if not counted_shares:
        raise DataError(f"no image is left to evaluate: {left_out_line(left_out)}")
    if left_out:
        print(left_out_line(left_out), file=sys.stderr)
    named = tuple(identifier for identifier in ids if identifier in left_out)
    return ImageSums(np.sum(counted_shares, axis=0, dtype=np.int64), named)


def default_workers() -> int:
    """Two threads per usable core: while one waits for Python's lock the other decodes."""
    return 2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2 * (os.cpu_count() or 1)
