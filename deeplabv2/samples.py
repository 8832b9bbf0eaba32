"""What a network sees of an image in training (deeplabv2 spec, section 4.2; sgan spec, section 4.4), and in the demo.

Two recipes: a random scale and a padded crop (DeepLab), or a square of fixed size, colours distorted as SSD does it, and a crop
(DSRG). The order of the random draws is part of both.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from common.data.palette import IGNORE_LABEL
from common.data.sampling import Sample, Transform
from common.data.transforms import Compose, PadToSize, RandomCrop, RandomFlip, RandomScale, ResizeLongSide
from deeplabv2.inputs import InputConvention, InputTensors

Image = npt.NDArray[np.uint8]

BRIGHTNESS = 32.0
CONTRAST = SATURATION = (0.5, 1.5)
HUE = 18.0
GREY_LEVELS = np.arange(256, dtype=np.float64)


def saturated(levels: npt.NDArray[np.float64]) -> Image:
    """Rounded to the nearest (even) whole number and clamped to 0..255, as OpenCV's conversions do."""
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def change_levels(values: npt.NDArray[Any], factor: float, offset: float) -> Image:
    """values x factor + offset, saturated."""
    return saturated(GREY_LEVELS * factor + offset)[values]


def change_hsv(image: Image, channel: int, factor: float, offset: float) -> Image:
    """Change hue (0, half degrees) or saturation (1). As published, a hue below 0 becomes 0 and does not wrap."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., channel] = change_levels(hsv[..., channel], factor, offset)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)


def brightness(image: Image, rng: random.Random) -> Image:
    return change_levels(image, 1.0, rng.uniform(-BRIGHTNESS, BRIGHTNESS))


def contrast(image: Image, rng: random.Random) -> Image:
    return change_levels(image, rng.uniform(*CONTRAST), 0.0)


def saturation(image: Image, rng: random.Random) -> Image:
    return change_hsv(image, 1, rng.uniform(*SATURATION), 0.0)


def hue(image: Image, rng: random.Random) -> Image:
    return change_hsv(image, 0, 1.0, rng.uniform(-HUE, HUE))


Step = Callable[[Image, random.Random], Image]
# One of the two orders, each with probability one half.
ORDERS: tuple[tuple[Step, ...], ...] = (
    (brightness, contrast, saturation, hue),
    (brightness, saturation, hue, contrast),
)


class ColourDistortion:
    """Each step with probability one half; image uint8 RGB, H x W x 3."""

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        image = np.ascontiguousarray(sample["image"])
        for step in rng.choice(ORDERS):
            if rng.random() < 0.5:
                image = step(image, rng)
        return {**sample, "image": image}


class Warp:
    """Bring image and mask to ``size`` x ``size`` without keeping the aspect ratio: OpenCV's bilinear and nearest."""

    def __init__(self, size: int) -> None:
        self.size = (size, size)

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        image = cv2.resize(sample["image"], self.size, interpolation=cv2.INTER_LINEAR)
        mask = cv2.resize(sample["mask"], self.size, interpolation=cv2.INTER_NEAREST)
        return {**sample, "image": image, "mask": mask}


def as_float(sample: Sample, rng: random.Random) -> Sample:
    """The image as float32, so that resizing does not round to whole grey levels."""
    return {**sample, "image": sample["image"].astype(np.float32)}


def scaled_crop(
    convention: InputConvention,
    scales: Sequence[float],
    crop_size: int,
    base_size: int = 0,
    ignore_label: int = IGNORE_LABEL,
) -> Transform:
    """Scale, pad, crop, flip, normalise; draws choice(scales), randint of top and of left, random, in this order.

    Args:
        convention: the network's input.
        base_size: longer side to which images are brought first; 0 keeps their size.
    """
    as_published: list[Transform] = [as_float] if convention.resize_in_float else []
    base: list[Transform] = [ResizeLongSide(base_size)] if base_size else []
    return Compose(
        [
            *as_published,
            *base,
            RandomScale(scales),
            PadToSize(crop_size, convention.fill, ignore_label),
            RandomCrop(crop_size),
            RandomFlip(),
            InputTensors(convention),
        ]
    )


def warped_crop(convention: InputConvention, warp_size: int, crop_size: int, distort_colours: bool) -> Transform:
    """Warp, distort the colours, cut a square, flip, normalise."""
    colour: list[Transform] = [ColourDistortion()] if distort_colours else []
    return Compose([Warp(warp_size), *colour, RandomCrop(crop_size), RandomFlip(), InputTensors(convention)])


def demo_image(image: np.ndarray, long_side: int = 513) -> np.ndarray:
    """An image, uint8 RGB H x W x 3, as the demo shows it to the network: its longer side brought to ``long_side`` pixels."""
    scale = long_side / max(image.shape[:2])
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR))
