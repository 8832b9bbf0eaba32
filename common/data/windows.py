"""Images brought to a drawn longer side, and squares of a fixed side that partly cover them (smaf spec, section 4; sod_wsss
spec, section 4.2).
"""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor


class Window(NamedTuple):
    """A square that partly covers an image: where it begins in the image, and where the image begins in it, per axis.

    Attributes:
        image: (top, left) in the image.
        square: (top, left) in the square.
        size: (height, width) of what both share.
    """

    image: tuple[int, int]
    square: tuple[int, int]
    size: tuple[int, int]


def long_side_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """(height, width) with the longer side at ``long_side``; the other is rounded, halves to even."""
    if width < height:
        return long_side, round(width * long_side / height)
    return round(height * long_side / width), long_side


def resized_bicubic(array: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """uint8 H x W or H x W x 3 at ``size`` = (height, width), by Pillow's bicubic filter: saliency maps too."""
    return resized_by_pillow(array, size, Image.Resampling.BICUBIC)


def resized_nearest(label_map: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """A label map, uint8 H x W, at ``size`` = (height, width), by Pillow's nearest neighbour."""
    return resized_by_pillow(label_map, size, Image.Resampling.NEAREST)


def resized_by_pillow(
    array: npt.NDArray[np.uint8], size: tuple[int, int], resampling: Image.Resampling
) -> npt.NDArray[np.uint8]:
    """uint8 H x W or H x W x 3 at ``size``; a side never vanishes."""
    height, width = (max(1, side) for side in size)
    return np.asarray(Image.fromarray(np.ascontiguousarray(array)).resize((width, height), resampling))


def draw_window(height: int, width: int, side: int, rng: random.Random) -> Window:
    """A random square of ``side``; draws the horizontal, then the vertical offset: of the square in a larger image, or of a
    smaller image in the square."""
    starts = []
    for length in (width, height):
        offset = rng.randrange(abs(length - side) + 1)
        starts.append((offset, 0) if length > side else (0, offset))
    (left, square_left), (top, square_top) = starts
    return Window((top, left), (square_top, square_left), (min(side, height), min(side, width)))


def top_left_window(height: int, width: int, side: int) -> Window:
    """The square of ``side`` that begins where the image does."""
    return Window((0, 0), (0, 0), (min(side, height), min(side, width)))


def cut(values: Tensor, window: Window, side: int, fill: int = 0) -> Tensor:
    """The square ... x side x side of values ... x H x W, any sign and type; ``fill`` where it leaves them."""
    (top, left), (y, x), (height, width) = window
    square = values.new_full((*values.shape[:-2], side, side), fill)
    square[..., y : y + height, x : x + width] = values[..., top : top + height, left : left + width]
    return square
