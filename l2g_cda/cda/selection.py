"""Which images give an object to the bank, and where it lies (CDA's rule; l2g_cda spec, section 4.7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from common.data.palette import IGNORE_LABEL
from common.errors import DataError
from common.pseudo_labels.labels import LabelMap
from l2g_cda.cda.objects import Bytes, Foreground


@dataclass(frozen=True)
class Selection:
    """The one object class of an image.

    Attributes:
        number: class number, 0-based.
        rows, columns: tight box around its pixels, (first, last + 1).
    """

    number: int
    rows: tuple[int, int]
    columns: tuple[int, int]


def select_object(label_map: LabelMap, least_share: float = 0.1, largest_share: float = 0.7) -> Selection | None:
    """The object of an image, or None when the image is not fit.

    Fit is an image with some background and exactly one class, which covers ``least_share`` to ``largest_share`` of it,
    both included. Ignored pixels (255) count as not covered; the labels that CDA's bank came from had none.

    Args:
        label_map: uint8 H x W.
    """
    pixels = np.bincount(label_map.ravel(), minlength=256)
    labels = [label for label in np.flatnonzero(pixels) if label not in (0, IGNORE_LABEL)]
    if len(labels) != 1 or not pixels[0]:
        return None
    label = int(labels[0])
    if not least_share <= pixels[label] / label_map.size <= largest_share:
        return None
    covered = label_map == label
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    return Selection(label - 1, (int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1))


def cut_object(selection: Selection, image: Bytes, label_map: LabelMap, saliency: Bytes) -> Foreground:
    """Image, label and saliency within the box of ``selection``.

    Raises:
        DataError: the three have different sizes.
    """
    if not image.shape[:2] == label_map.shape == saliency.shape:
        raise DataError(
            f"the image is {image.shape[:2]}, the label map {label_map.shape} and the saliency {saliency.shape} "
            "(height, width); make them the same size"
        )
    box = slice(*selection.rows), slice(*selection.columns)
    seg = np.where(label_map[box] == selection.number + 1, label_map[box], np.uint8(0))
    return Foreground(*(np.ascontiguousarray(part, np.uint8) for part in (image[box], seg, saliency[box])))
