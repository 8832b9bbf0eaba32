"""Which pixels cost a method its IoU: ``python -m common.metrics.lost_pixels LABELS TRUTH --list FILE --classes 20 [--saliency MAPS]``.

Every wrong pixel has one cause, the first of ``CAUSES`` that applies. It counts for its true class and for the one it was given, so
that for every class IoU and causes add up to 100 % of the union.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from common.bounds import LONGEST_SIDE, add_number
from common.data.images import read_label_map, read_saliency
from common.data.lists import read_list
from common.data.mask_sets import readable_masks, require_a_class
from common.data.palette import IGNORE_LABEL
from common.data.saliency_levels import largest_saliency
from common.errors import ConfigError, DataError, run_command
from common.metrics.arguments import add_scored, percent, scored_names
from common.metrics.folder import sum_over_images
from common.paths import path_of_id

LabelMap = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int64]

CAUSES = (
    "border",
    "class without a pixel in the image",
    "another class of the image",
    "missed, not salient",
    "missed, salient",
    "invented, salient",
    "invented, not salient",
)
LEAST_SALIENT_GREY = 128


def near_borders(truth: LabelMap, width: int) -> npt.NDArray[np.bool_]:
    """Pixels at most ``width`` from a change of the true label, bool H x W; ignored pixels are no border themselves.

    Args:
        truth: uint8 H x W, 255 ignored.
    """
    labels = np.where(truth == IGNORE_LABEL, 0, truth).astype(np.uint8)
    side = 2 * width + 1
    return cv2.morphologyEx(labels, cv2.MORPH_GRADIENT, np.ones((side, side), np.uint8)) > 0


def causes_of(
    truth: LabelMap, labels: LabelMap, saliency: npt.NDArray[np.uint8] | None, width: int
) -> npt.NDArray[np.int64]:
    """The number of the cause of every wrong pixel, int64 H x W; -1 for right and for ignored pixels.

    Args:
        truth: uint8 H x W, 255 ignored.
        labels: uint8 H x W, judged against it.
        saliency: uint8 H x W; None counts every pixel as salient.
        width: of the border in pixels.
    """
    is_salient = np.ones(truth.shape, bool) if saliency is None else saliency >= LEAST_SALIENT_GREY
    absent = ~np.isin(labels, np.unique(truth[truth != IGNORE_LABEL]))
    missed, invented = labels == 0, truth == 0
    conditions = [
        near_borders(truth, width),
        absent,
        ~missed & ~invented,
        missed & ~is_salient,
        missed,
        invented & is_salient,
        invented,
    ]
    causes = np.select(conditions, range(len(conditions)), -1)
    return np.where((truth == labels) | (truth == IGNORE_LABEL), -1, causes)


def count_losses(
    truth: LabelMap, labels: LabelMap, saliency: npt.NDArray[np.uint8] | None, n_labels: int, width: int
) -> Counts:
    """Pixels of the union of every label, int64 [n_labels, 1 + causes]: the right ones, then the wrong ones by cause.

    Arguments as for :func:`causes_of`; pixels whose true label is ignored are left out.

    Raises:
        DataError: sizes differ, or a label is out of range.
    """
    if truth.shape != labels.shape or (saliency is not None and saliency.shape != truth.shape):
        raise DataError(f"labels {labels.shape}, truth {truth.shape} and saliency must have one size")
    known = truth != IGNORE_LABEL
    if max(int(truth[known].max(initial=0)), int(labels[known].max(initial=0))) >= n_labels:
        raise DataError(f"a label is not below {n_labels}; correct the number of classes")
    causes = causes_of(truth, labels, saliency, width)
    counts = np.zeros((n_labels, 1 + len(CAUSES)), np.int64)
    right = known & (truth == labels)
    counts[:, 0] = np.bincount(truth[right], minlength=n_labels)[:n_labels]
    wrong = causes >= 0
    for labels_of_union in (truth, labels):
        np.add.at(counts, (labels_of_union[wrong].astype(np.int64), 1 + causes[wrong]), 1)
    return counts


def loss_table(counts: Counts, names: Sequence[str]) -> str:
    """Percent of the union by label and cause, and the means over the labels, as text.

    Args:
        counts: int64 [n, 1 + causes] of :func:`count_losses`, of the labels ``names``.
    """
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    columns = [*names, "mean"]
    width = max(map(len, CAUSES))
    lines = [" " * width + "".join(f"{name[:10]:>12}" for name in columns)]
    for place, title in enumerate(("IoU", *CAUSES)):
        values = [*shares[:, place], shares[:, place].mean()]
        lines.append(f"{title:{width}}" + "".join(f"{percent(float(value)):>12}" for value in values))
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m common.metrics.lost_pixels", description="Say where IoU is lost.")
    parser.add_argument("labels", type=Path, help="folder of label maps <id>.png")
    parser.add_argument("truth", type=Path, help="folder of true label maps <id>.png")
    add_scored(parser)
    parser.add_argument("--saliency", type=Path, help="folder of saliency maps <id>.png behind the label maps")
    add_number(parser, "--border", 5, "width of borders in pixels (default: %(default)s)", least=0, most=LONGEST_SIDE)
    arguments = parser.parse_args(argv)
    if arguments.border < 0:
        raise ConfigError(f"--border is {arguments.border}; give a number of pixels, 0 for no border")
    names, shown = scored_names(arguments)
    kept = np.full(256, IGNORE_LABEL, np.uint8)
    kept[shown] = shown

    def file(folder: Path, image_id: str) -> Path:
        return path_of_id(folder, image_id, ".png")

    ids = [entry.id for entry in read_list(arguments.list)]
    truths = readable_masks(ids, lambda image_id: file(arguments.truth, image_id))
    require_a_class(truths, len(names), str(arguments.truth))
    maps = (file(arguments.saliency, image_id) for image_id in ids) if arguments.saliency else ()
    largest = largest_saliency(maps, arguments.saliency)

    def count(image_id: str) -> Counts:
        saliency = read_saliency(file(arguments.saliency, image_id), True, largest) if arguments.saliency else None
        truth, labels = (read_label_map(file(folder, image_id), True) for folder in (arguments.truth, arguments.labels))
        try:
            return count_losses(kept[truth], labels, saliency, len(names), arguments.border)
        except DataError as error:
            raise DataError(f"{image_id}: {error}") from error

    sums = sum_over_images(count, ids)
    print(f"{len(ids) - len(sums.left_out)} images, percent of the union of each label")
    print(loss_table(sums.total[shown], [names[label] for label in shown]))


if __name__ == "__main__":
    run_command(main)
