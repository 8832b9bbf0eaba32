"""Between label maps and named regions: what annotation tools keep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from common.data.class_forms import reserved_name
from common.data.classes import name_classes
from common.data.palette import IGNORE_LABEL
from common.errors import DataError

LabelMap = npt.NDArray[np.uint8]
Region = npt.NDArray[np.bool_]
# What pixels without a label are called outside; read back, every name of :func:`reserved_name` counts.
IGNORED = "ignore"


class LabelledImage(NamedTuple):
    """Attributes: id: of the image; label_map: uint8 H x W; image: its file, None where it is not known."""

    id: str
    label_map: LabelMap
    image: Path | None = None


class Part(NamedTuple):
    """Attributes: label: 1..C or 255; name: what it is called outside; region: its pixels, bool H x W, at least one."""

    label: int
    name: str
    region: Region


def parts_of(label_map: LabelMap, classes: Sequence[str], components: bool) -> list[Part]:
    """The regions of a label map, by label; the background is none.

    Args:
        label_map: uint8 H x W, 0..C and 255.
        classes: the names of 1..C.
        components: every connected piece (8 neighbours) for itself, instead of one region per class.
    """
    parts = []
    for label in np.flatnonzero(np.bincount(label_map.ravel(), minlength=256)):
        if label == 0:
            continue
        name, region = IGNORED if label == IGNORE_LABEL else classes[label - 1], label_map == label
        if not components:
            parts.append(Part(int(label), name, region))
            continue
        count, pieces = cv2.connectedComponents(region.astype(np.uint8), connectivity=8)
        parts += [Part(int(label), name, pieces == piece) for piece in range(1, count)]
    return parts


def box_of(region: Region) -> tuple[int, int, int, int]:
    """First and last column and row of a region: (left, top, right, bottom), all included."""
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def label_of_name(name: str, classes: Sequence[str], where: object) -> int:
    """The label that a name means: 1..C, 0 for the background and 255 for pixels without a label, in the spellings of the tools.

    Raises:
        DataError: there is no such class; ``where`` is named.
    """
    if name in classes:
        return classes.index(name) + 1
    kind = reserved_name(name)
    if kind:
        return 0 if kind == "background" else IGNORE_LABEL
    raise DataError(f"{where}: {name!r} is none of the classes ({name_classes(classes)}); rename it in the tool")
