"""A random window of an image at a random scale, of which only what the window shows is computed.

Scaling a photograph by 1.5 to cut a quarter from it wastes most of the time of a training item. The draws and (but for the last bit of
float32) the numbers are those of scaling all of it, padding and cutting one after the other, as the published programs do.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from common.data.palette import IGNORE_LABEL
from common.data.sampling import Sample
from common.data.transforms import SPATIAL, with_longer_side

# OpenCV looks at the neighbour of a position, and rounds the size of what it writes.
MARGIN = 2
Array = npt.NDArray[Any]


class RandomScaledCrop:
    """Scale both sides by one of ``scales``, pad at the bottom and right up to ``size``, cut ``size`` x ``size``.

    Draws choice(scales), the top, then the left edge, both ends included (deeplabv2 spec, section 4.2).

    Args:
        scales: factors of the image.
        size: side of the window in pixels.
        fill: colour of what is padded, in the image's own units.
        mask_fill: its label.
        base_size: longer side of the size that is multiplied by the scale; 0 for the image's own.
        in_float: resize the image as float32 (published) instead of in whole grey levels.
    """

    def __init__(
        self,
        scales: Sequence[float],
        size: int,
        fill: Sequence[float],
        mask_fill: int = IGNORE_LABEL,
        base_size: int = 0,
        in_float: bool = False,
    ) -> None:
        self.scales, self.size, self.base_size, self.in_float = list(scales), size, base_size, in_float
        self.fills: dict[str, Any] = {"image": list(fill), "mask": mask_fill, "saliency": 0, "dense": 0}

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        height, width = sample["image"].shape[:2]
        if self.base_size:
            height, width = with_longer_side(height, width, self.base_size)
        scale = rng.choice(self.scales)
        scaled = max(1, int(height * scale)), max(1, int(width * scale))
        top, left = (rng.randint(0, max(side, self.size) - self.size) for side in scaled)
        window = slice(top, min(top + self.size, scaled[0])), slice(left, min(left + self.size, scaled[1]))
        cropped = dict(sample)
        for name in SPATIAL:
            if name in sample:
                part = self.part(name, sample[name], scaled, window)
                below, right = (self.size - side for side in part.shape[:2])
                cropped[name] = padded_array(part, below, right, self.fills[name]) if below or right else part
        return cropped

    def part(self, name: str, array: Array, scaled: tuple[int, int], window: tuple[slice, slice]) -> Array:
        """The window of an entry of a sample."""
        if name == "mask":
            return nearest_window(array, scaled, window)
        return linear_window(LateFloat(array) if name == "image" and self.in_float else array, scaled, window)


def padded_array(array: np.ndarray, below: int, right: int, fill: float | Sequence[float]) -> np.ndarray:
    """H x W or H x W x K with so many rows and columns more, of ``fill``, a number or one per channel."""
    height, width = array.shape[:2]
    padded = np.empty((height + below, width + right, *array.shape[2:]), array.dtype)
    padded[:height, :width] = array
    value = np.asarray(fill).astype(array.dtype)
    if below:
        # A row of the colour first: numpy is slow where it repeats three numbers.
        padded[height:] = np.broadcast_to(value, padded.shape[1:]).copy()
    if right:
        padded[:height, width:] = np.broadcast_to(value, (right, *array.shape[2:])).copy()
    return padded


class LateFloat:
    """An image whose parts become float32 once they are taken."""

    def __init__(self, array: Array) -> None:
        self.array, self.shape = array, array.shape

    def __getitem__(self, part: Any) -> Array:
        return self.array[part].astype(np.float32)


def linear_window(array: Array | LateFloat, scaled: tuple[int, int], window: tuple[slice, slice]) -> Array:
    """The window of what OpenCV's bilinear resizing of H x W [x K] to ``scaled`` (height, width) gives.

    Of uint8 bit for bit; float32 may differ in the last bit, as OpenCV rounds the weights of a row by the size of what it is given.
    """
    if tuple(array.shape[:2]) == scaled:
        return array[window]
    height, width = array.shape[:2]
    rows, columns = needed(height, scaled[0], window[0].stop), needed(width, scaled[1], window[1].stop)
    # Positions count from the top left, which therefore stays; the factors are given, or they would follow from the part's size.
    part = np.ascontiguousarray(array[:rows, :columns])
    resized = cv2.resize(part, None, fx=scaled[1] / width, fy=scaled[0] / height, interpolation=cv2.INTER_LINEAR)
    return (resized if resized.ndim == len(array.shape) else resized[..., None])[window]


def needed(length: int, scaled: int, end: int) -> int:
    """How many pixels of ``length`` the first ``end`` of the ``scaled`` ones are made of."""
    return min(length, math.ceil(end * length / scaled) + MARGIN)


def nearest_window(mask: Array, scaled: tuple[int, int], window: tuple[slice, slice]) -> Array:
    """The window of what Pillow's nearest-neighbour resizing of H x W to ``scaled`` (height, width) gives."""
    if mask.shape == scaled:
        return mask[window]
    rows, columns = (nearest_indices(length, side) for length, side in zip(mask.shape, scaled, strict=True))
    return np.take(mask[rows[window[0]]], columns[window[1]], axis=1)


@lru_cache(maxsize=1024)
def nearest_indices(length: int, scaled: int) -> npt.NDArray[np.int64]:
    """Which of ``length`` pixels Pillow takes for each of ``scaled``; it adds up the step, with the rounding errors of doing so."""
    step = length / scaled
    positions = np.cumsum(np.concatenate([[step * 0.5], np.full(scaled - 1, step)]))
    return np.minimum(positions.astype(np.int64), length - 1)
