"""Label maps as palette PNGs: 0 background, 1..C classes, 255 ignore, in the colours of PASCAL VOC."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from common.errors import DataError
from common.files import atomic_write

IGNORE_LABEL = 255


def voc_palette() -> npt.NDArray[np.uint8]:
    """The VOC colour map, uint8 [256, 3] RGB.

    Label bits 0, 1, 2 go to the top bit of red, green, blue, label bits 3, 4, 5 to the next one, and so on
    (VOCdevkit, ``VOClabelcolormap``).
    """
    labels = np.arange(256)
    palette = np.zeros((256, 3), dtype=np.uint8)
    for place in range(8):
        for channel in range(3):
            bit = (labels >> (3 * place + channel)) & 1
            palette[:, channel] |= (bit << (7 - place)).astype(np.uint8)
    return palette


def colour_label_map(label_map: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Colour a label map [H, W] with the VOC palette; returns uint8 [H, W, 3] RGB.

    Raises:
        DataError: the array is not two-dimensional or holds values outside 0..255.
    """
    return voc_palette()[as_label_map(label_map, "the label map to colour")]


def write_label_map(path: Path, label_map: npt.NDArray[Any]) -> None:
    """Write a label map [H, W] with values in 0..255 as a palette PNG, atomically.

    Raises:
        DataError: the array is not a two-dimensional integer array or holds values outside 0..255.
    """
    image = Image.fromarray(as_label_map(label_map, str(path)))
    image.putpalette(voc_palette().tobytes())
    atomic_write(Path(path), lambda file: image.save(file, format="PNG"))


def as_label_map(label_map: npt.NDArray[Any], name: str) -> npt.NDArray[np.uint8]:
    """``label_map`` as uint8 [H, W], or a :class:`DataError` that starts with ``name``."""
    array = np.asarray(label_map)
    if array.ndim != 2 or array.dtype.kind not in "biu" or array.size == 0:
        raise DataError(
            f"{name}: a label map is a two-dimensional array of whole numbers, "
            f"but this one has shape {array.shape} and type {array.dtype}."
        )
    if array.dtype.kind != "b" and (array.min() < 0 or array.max() > 255):
        raise DataError(
            f"{name}: labels {array.min()}..{array.max()} do not fit into 8 bits; "
            f"use 0 for background, 1..C for classes and {IGNORE_LABEL} for ignore."
        )
    return array.astype(np.uint8)
