"""One cut-out object: which images give one (CDA's rule; l2g_cda spec, section 4.7), and its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.data.colours import Uint8
from common.data.palette import IGNORE_LABEL
from common.data.plain_values import as_array
from common.data.restricted_pickle import load_npy
from common.errors import DataError
from common.files import read_npz, write_npz
from common.pseudo_labels.labels import LabelMap

# An object's saliency counts above this.
SALIENT = 200
MAKE_AGAIN = "delete it and make the bank again"


@dataclass(frozen=True)
class Foreground:
    """A tight cut around one object: image uint8 RGB, h x w x 3; seg uint8, h x w, class number + 1 on the object, else 0.

    The saliency is uint8, h x w, and None in a bank made without (CDA's own).
    """

    image: Uint8
    seg: Uint8
    saliency: Uint8 | None


@dataclass(frozen=True)
class Selection:
    """The one object class of an image (0-based) and the tight box around its pixels, (first, last + 1)."""

    number: int
    rows: tuple[int, int]
    columns: tuple[int, int]


def select_object(label_map: LabelMap, least_share: float = 0.1, largest_share: float = 0.7) -> Selection | None:
    """The object of an image with this label map (uint8 H x W), or None when the image is not fit.

    Fit is an image with some background and exactly one class, which covers ``least_share`` to ``largest_share`` of it,
    both included. Ignored pixels (255) count as not covered; the labels that CDA's bank came from had none.
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


def cut_object(selection: Selection, image: Uint8, label_map: LabelMap, saliency: Uint8) -> Foreground:
    """Image (uint8 H x W x 3), label (uint8 H x W) and saliency (uint8 H x W) within the box of ``selection``."""
    if not image.shape[:2] == label_map.shape == saliency.shape:
        raise DataError(
            f"the image is {image.shape[:2]}, the label map {label_map.shape} and the saliency {saliency.shape} "
            "(height, width); make them the same size"
        )
    box = slice(*selection.rows), slice(*selection.columns)
    seg = np.where(label_map[box] == selection.number + 1, label_map[box], np.uint8(0))
    return Foreground(*(np.ascontiguousarray(part, np.uint8) for part in (image[box], seg, saliency[box])))


def write_foreground(path: Path, foreground: Foreground) -> None:
    """Write ``.npz`` with ``img``, ``seg`` and, where there is one, ``sal``: the published names, without a pickle."""
    arrays = {"img": foreground.image, "seg": foreground.seg}
    if foreground.saliency is not None:
        arrays["sal"] = foreground.saliency
    write_npz(path, **arrays)


def read_foreground(path: Path) -> Foreground:
    """Read ``.npz``, or the published pickled dictionary."""
    if not path.exists():
        raise DataError(f"{path} does not exist, but the index of the bank names it; make the bank again")
    try:
        content = read_npz(path) if path.suffix == ".npz" else load_npy(path)
    except DataError as error:
        raise DataError(f"{error}; {MAKE_AGAIN}") from error
    if not isinstance(content, dict) or not {"img", "seg"} <= set(content):
        raise DataError(f"{path} holds no object (img, seg and sal); {MAKE_AGAIN}")
    image, seg = eight_bit(content["img"], path), eight_bit(content["seg"], path)
    saliency = eight_bit(content["sal"], path) if "sal" in content else None
    sizes_fit = image.shape == (*seg.shape, 3) and (saliency is None or saliency.shape == seg.shape)
    if seg.ndim != 2 or not sizes_fit or not seg.any():
        raise DataError(f"{path}: its image, label and saliency do not show one object at one size; {MAKE_AGAIN}")
    return Foreground(image, seg, saliency)


def eight_bit(array: Any, path: Path) -> Uint8:
    """The array, of any shape, as contiguous uint8; labels of other whole-number types are taken when they fit."""
    values = as_array(array, "its pixels", path)
    if values.dtype.kind not in "biu" or (values.size and (values.min() < 0 or values.max() > 255)):
        raise DataError(f"{path} holds {values.dtype} values; objects are 8-bit; {MAKE_AGAIN}")
    return np.ascontiguousarray(values, np.uint8)
