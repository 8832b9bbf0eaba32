"""Where an object goes in an image, and putting it there (l2g_cda spec, section 4.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from common.errors import DataError
from l2g_cda.cda.objects import Bytes, Foreground
from l2g_cda.data.settings import CdaConfig
from l2g_cda.data.views import resize

SALIENT = 200
LARGEST_SHARE = 0.7


@dataclass(frozen=True)
class Placement:
    """An object at its place, not yet pasted.

    Attributes:
        foreground: the object as it was cut out, rotated where that was asked for.
        top, left: its place.
        mask: bool, h x w: the pixels to paste, at the size they get.
        saliency: uint8, h x w, of the object at that size.
        overlap: share of these pixels that was salient before.
    """

    foreground: Foreground
    top: int
    left: int
    mask: npt.NDArray[np.bool_]
    saliency: Bytes
    overlap: float


class HasOverlap(Protocol):
    @property
    def overlap(self) -> float: ...


Attempt = TypeVar("Attempt", bound=HasOverlap)


def least_overlap(attempt: Callable[[], Attempt], max_overlap: float, attempts: int) -> Attempt:
    """Try until the overlap is below ``max_overlap`` (strictly), at most ``attempts`` times; the smallest, first on ties."""
    best = attempt()
    for _ in range(attempts - 1):
        if best.overlap < max_overlap:
            break
        best = min(best, attempt(), key=lambda tried: tried.overlap)
    return best


def place(foreground: Foreground, saliency: Bytes, config: CdaConfig, rng: Random) -> Placement:
    """One attempt: size and place at random.

    Draws the scale ``0.8 + 0.4 * random()`` (or, with ``config.rotation``, the degrees), then the row, then the column.

    Args:
        saliency: uint8, H x W, of the image to paste into.
    """
    if config.rotation:
        foreground, scale = rotated(foreground, rng.randint(-config.rotation, config.rotation)), 1.0
    else:
        scale = 0.8 + 0.4 * rng.random()
    size = fitted_size(foreground.seg.shape, saliency.shape, scale)
    top = rng.randint(0, saliency.shape[0] - size[0])
    left = rng.randint(0, saliency.shape[1] - size[1])
    mask = resize(foreground.seg, size, Image.Resampling.BILINEAR) != 0
    if foreground.saliency is not None:
        own = resize(foreground.saliency, size, Image.Resampling.BILINEAR)
    elif config.mask == "labels":
        own = np.full(size, 255, np.uint8)
    else:
        raise DataError("an object of the bank has no saliency; make the bank with saliency or set cda.mask to labels")
    if config.mask == "saliency":
        mask &= own > SALIENT
    return Placement(foreground, top, left, mask, own, overlap_share(mask, under(saliency, top, left, size)))


def paste(image: Bytes, saliency: Bytes, placement: Placement, channels: str) -> tuple[Bytes, Bytes]:
    """Copies of image and saliency with the object in them: a hard edge, no blending.

    Args:
        image: uint8 RGB, H x W x 3.
        saliency: uint8, H x W.
        channels: published returns the image with red and blue exchanged around the object (defect D3), or repaired.
    """
    pasted = (image[..., ::-1] if channels == "published" else image).copy()
    merged = saliency.copy()
    mask, size = placement.mask, placement.mask.shape
    colours = resize(placement.foreground.image, size, Image.Resampling.BILINEAR)
    under(pasted, placement.top, placement.left, size)[mask] = colours[mask]
    under(merged, placement.top, placement.left, size)[mask] = placement.saliency[mask]
    return pasted, merged


def fitted_size(size: tuple[int, ...], image_size: tuple[int, ...], scale: float) -> tuple[int, int]:
    """(height, width) that an object gets: at most 0.7 of either side of the image, times ``scale``, truncated."""
    height, width = float(size[0]), float(size[1])
    most_high, most_wide = LARGEST_SHARE * image_size[0], LARGEST_SHARE * image_size[1]
    if height > most_high:
        height, width = most_high, width * most_high / height
    if width > most_wide:
        height, width = height * most_wide / width, most_wide
    return max(1, int(height * scale)), max(1, int(width * scale))


def overlap_share(mask: npt.NDArray[np.bool_], saliency: Bytes) -> float:
    """Share of the pixels to paste that are salient already; 0 when there are none."""
    return float((mask & (saliency > SALIENT)).sum() / (mask.sum() + 1e-5))


def covered(placement: Placement, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """bool H x W for an image of this shape: the pixels that the object replaces."""
    pixels = np.zeros(shape, bool)
    under(pixels, placement.top, placement.left, placement.mask.shape)[...] = placement.mask
    return pixels


def under(array: npt.NDArray[Any], top: int, left: int, size: tuple[int, ...]) -> npt.NDArray[Any]:
    """View of the part of ``array`` that an object of ``size`` covers."""
    return array[top : top + size[0], left : left + size[1]]


def rotated(foreground: Foreground, degrees: int) -> Foreground:
    """The object turned counter-clockwise in a frame that holds all of it (cubic splines, as CDA does)."""
    saliency = foreground.saliency
    return Foreground(
        ndimage.rotate(foreground.image, degrees),
        ndimage.rotate(foreground.seg, degrees),
        None if saliency is None else ndimage.rotate(saliency, degrees),
    )
