"""The colour distortion of the original's data layer (SSD's; sgan spec, section 4.4)."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from common.data.sampling import Sample

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
