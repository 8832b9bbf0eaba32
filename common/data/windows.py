"""A square of an image whose longer side has a drawn length: cut out where the image is larger, else placed in it at random.

The geometry of EPS (smaf spec, section 4) and of Puzzle-CAM's programs (sod_wsss spec, sections 4.2 and 4.3). What a square has beyond
its image is 0 after normalisation, hence the mean colour, and 255 in label maps.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from common.data.colours import Uint8
from common.data.palette import IGNORE_LABEL
from common.data.sampling import Sample
from common.data.transforms import ToTensors

# (image uint8 H x W x 3, rng) -> an image of the same size in other colours.
Recolour = Callable[[Uint8, random.Random], Uint8]


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


def resized_bicubic(array: Uint8, size: tuple[int, int]) -> Uint8:
    """uint8 H x W or H x W x 3 at ``size`` = (height, width), by Pillow's bicubic filter: saliency maps too."""
    return resized(array, size, Image.Resampling.BICUBIC)


def resized_nearest(labels: Uint8, size: tuple[int, int]) -> Uint8:
    """A label map uint8 H x W at ``size`` = (height, width), by Pillow's nearest neighbour."""
    return resized(labels, size, Image.Resampling.NEAREST)


def resized(array: Uint8, size: tuple[int, int], resampling: Image.Resampling) -> Uint8:
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


def cut(values: Tensor, window: Window, side: int, fill: float = 0) -> Tensor:
    """The square C x side x side of values C x H x W, any sign; ``fill`` where it leaves them."""
    (top, left), (y, x), (height, width) = window
    square = values.new_full((len(values), side, side), fill)
    square[:, y : y + height, x : x + width] = values[:, top : top + height, left : left + width]
    return square


class LongSideSquare:
    """``(sample, rng) -> sample``: resized by the longer side, mirrored, normalised, cut (sod_wsss spec, sections 4.2 and 4.3).

    From ``image`` (uint8, H x W x 3) and, where they are there, ``mask`` (uint8, H x W) and ``tags`` (float32, C) to ``image``
    (float32, 3 x S x S, normalised), ``mask`` (int64, S x S, 255 beyond the image) and ``tags``; the rest is handed on.

    Draws, in this order: the longer side, the mirror image, the colours, the square.

    Args:
        crop_size: side of the square, S.
        long_sides: least and greatest longer side, both included.
        recolour: changes the colours; None leaves them.
    """

    def __init__(self, crop_size: int, long_sides: Sequence[int], recolour: Recolour | None = None) -> None:
        self.crop_size, self.recolour = crop_size, recolour
        self.shortest, self.longest = long_sides
        self.to_tensors = ToTensors()

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        height, width = sample["image"].shape[:2]
        size = long_side_size(height, width, rng.randint(self.shortest, self.longest))
        mirrored = rng.random() < 0.5
        image = turned(resized_bicubic(sample["image"], size), mirrored)
        if self.recolour:
            image = self.recolour(image, rng)
        window = draw_window(image.shape[0], image.shape[1], self.crop_size, rng)
        made = {**sample, "image": cut(self.to_tensors.image(image), window, self.crop_size)}
        if "mask" in sample:
            labels = turned(resized_nearest(sample["mask"], size), mirrored).astype(np.int64)
            made["mask"] = cut(torch.from_numpy(labels)[None], window, self.crop_size, IGNORE_LABEL)[0]
        if "tags" in sample:
            made["tags"] = torch.from_numpy(np.array(sample["tags"], np.float32))
        return made


def turned(array: npt.NDArray[np.uint8], mirrored: bool) -> Uint8:
    return array[:, ::-1] if mirrored else array
