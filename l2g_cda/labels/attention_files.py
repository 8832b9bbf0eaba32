"""Attention PNGs: one 8-bit grey file per image and tagged class, ``<id>_<c>.png`` (c 0-based)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from common.data.images import open_image
from common.errors import DataError
from common.files import resolve_inside


def attention_path(folder: Path, image_id: str, number: int) -> Path:
    """The file of class ``number`` (0-based) of an image."""
    return resolve_inside(folder, f"{image_id}_{number}.png")


def read_attention(path: Path) -> npt.NDArray[np.uint8]:
    """One map, uint8 H x W: 255 times the attention.

    Raises:
        DataError: the file is missing, broken, or not 8-bit grey.
    """
    if not path.is_file():
        raise DataError(f"no attention map {path}; compute the attention maps first (test_l2g_voc.sh)")
    with open_image(path) as image:
        if image.mode != "L":
            raise DataError(f"{path} has pixel format {image.mode}; an attention map is 8-bit grey. Compute it again.")
        return np.array(image)


def read_scores(folder: Path, image_id: str, numbers: Sequence[int], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """The maps of the classes ``numbers`` in 0..1, float32 [K, H, W].

    Args:
        size: (height, width) of the image.

    Raises:
        DataError: a map is missing, broken, or of another size.
    """
    scores = np.zeros((len(numbers), *size), np.float32)
    for score, number in zip(scores, numbers, strict=True):
        path = attention_path(folder, image_id, number)
        attention = read_attention(path)
        if attention.shape != size:
            raise DataError(f"{path} is {attention.shape} but the image is {size} (height, width); compute it again")
        # Float32 as published: 51 / 255 equals a threshold of 0.2 exactly.
        score[...] = attention.astype(np.float32) / np.float32(255)
    return scores
