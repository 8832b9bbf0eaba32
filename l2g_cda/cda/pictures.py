"""Pictures of a bank and of pasted objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from common.visual.panels import side_by_side
from l2g_cda.cda.objects import Bytes, Foreground
from l2g_cda.cda.placement import SALIENT, Placement, paste

CELL, PANEL = 96, 256
CHEQUERS = 8


def bank_sheet(rows: Mapping[str, Sequence[Foreground]], columns: int) -> Bytes:
    """Title -> at most ``columns`` objects in a row; what is not pasted is chequered."""
    pictures, titles = [], []
    for title, objects in rows.items():
        blank = [np.full((CELL, CELL, 3), 255, np.uint8)] * (columns - len(objects))
        pictures += [*(cell(cut_out(foreground)) for foreground in objects), *blank]
        titles += [title, *[""] * (columns - 1)]
    return side_by_side(pictures, titles, columns=columns)


def pasting_sheet(image: Bytes, saliency: Bytes, placement: Placement) -> Bytes:
    """One pasting: the image, the object, both kinds of result, and the saliency before and after."""
    published, merged = paste(image, saliency, placement, "published")
    repaired, _ = paste(image, saliency, placement, "repaired")
    pictures = [image, cut_out(placement.foreground), repaired, published, saliency, merged]
    titles = ["image", "object", "repaired", "as published", "saliency", "saliency after"]
    return side_by_side([cell(picture, PANEL) for picture in pictures], titles)


def cut_out(foreground: Foreground) -> Bytes:
    """The object's image, chequered where it is not pasted."""
    mask = foreground.seg != 0
    if foreground.saliency is not None:
        mask &= foreground.saliency > SALIENT
    rows, columns = np.indices(mask.shape) // CHEQUERS
    chequers = np.where((rows + columns) % 2 == 0, np.uint8(200), np.uint8(235))
    return np.where(mask[..., None], foreground.image, chequers[..., None])


def cell(picture: Bytes, side: int = CELL) -> Bytes:
    """The picture with its longer side at ``side`` pixels."""
    scale = side / max(picture.shape[:2])
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))
