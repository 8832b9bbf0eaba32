"""Saliency maps from elsewhere (a segmentation model, a matting network): looked at before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.data.image_names import SALIENCY_SUFFIXES, find_file
from common.data.images import read_saliency_levels
from common.errors import DataError
from common.exchange.images import ImagesByName
from common.failures import some_names
from common.own.photographs import Photographs


def look_at_saliency(folder: Path, photographs: Photographs, ids: Sequence[str]) -> str:
    """What the page says of the maps ``<id>.png`` (or .jpg, .bmp, .tif) of some photographs.

    Args:
        ids: the images that are trained on.

    Raises:
        DataError: an image has no map, or one of another size; a map cannot be read, or has values outside of 0..255.
    """
    without = [one for one in ids if not has_map(folder, one)]
    if without:
        raise DataError(
            f"{len(without)} of {len(ids)} photographs have no saliency map in {folder}: {some_names(without)}. A map is called as "
            "its photograph, with the ending .png"
        )
    images = ImagesByName(photographs.images)
    values: set[float] = set()
    for image_id in ids:
        path = find_file(folder, image_id, SALIENCY_SUFFIXES, "saliency map")
        levels = read_saliency_levels(path, upright=True)
        images.require_size(image_id, levels.shape, path, "saliency map")
        if not (levels.min() >= 0 and levels.max() <= 255):
            raise DataError(
                f"{path} has values from {levels.min():g} to {levels.max():g}; a saliency map has 0 to 255, or 0 to 1"
            )
        # Three different values are enough to know.
        values |= set(np.unique(levels).tolist()) if len(values) < 3 else set()
    binary = len(values) < 3
    return f"{len(ids)} maps of {folder}, {'objects cut out (two values)' if binary else 'soft'}"


def has_map(folder: Path, image_id: str) -> bool:
    try:
        return bool(find_file(folder, image_id, SALIENCY_SUFFIXES, "saliency map"))
    except DataError:
        return False
