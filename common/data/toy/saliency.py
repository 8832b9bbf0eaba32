"""Saliency maps as a good detector makes them: right about most objects, wrong at borders, sometimes plainly wrong.

Three kinds of error, each with its own rate in :class:`ToyConfig`: an object is missed, something that is no object is
shown (the distractor where there is one, else a blob), and the borders are shifted.
"""

from __future__ import annotations

import cv2
import numpy as np

from common.data.toy.arrays import BoolArray, ByteArray, FloatArray, smooth_noise
from common.data.toy.config import ToyConfig

BLOB_RADIUS_RANGE = (0.1, 0.18)
CONFIDENCE_RANGE = (0.8, 1.0)
MISSED_CONFIDENCE = 0.2


def draw_saliency(
    rng: np.random.Generator, config: ToyConfig, objects: list[BoolArray], distractor: BoolArray
) -> ByteArray:
    """The map uint8 [H, W] for the visible masks of ``objects``, over a visible ``distractor`` mask (may be empty)."""
    size = config.size
    soft = np.zeros((size, size), np.float32)
    for mask in objects:
        missed = rng.random() < config.miss_rate
        soft[mask] = MISSED_CONFIDENCE * rng.random() if missed else rng.uniform(*CONFIDENCE_RANGE)
    if rng.random() < config.invent_rate:
        invented = distractor if distractor.any() else blob(rng, size)
        soft[invented] = np.maximum(soft[invented], rng.uniform(*CONFIDENCE_RANGE))
    soft = shift_borders(rng, soft, config.border_error * size / 96)
    blurred = cv2.GaussianBlur(soft, (0, 0), size / 96)
    return np.asarray(np.clip(np.round(255 * blurred), 0, 255), np.uint8)


def blob(rng: np.random.Generator, size: int) -> BoolArray:
    """A round smear bool [size, size] somewhere in the image."""
    radius = size * rng.uniform(*BLOB_RADIUS_RANGE)
    x, y = rng.uniform(radius, size - radius, size=2)
    rows, columns = np.mgrid[:size, :size]
    distance = np.hypot(columns - x, rows - y) + 0.25 * radius * smooth_noise(rng, size, radius / 2)
    return np.asarray(distance < radius, bool)


def shift_borders(rng: np.random.Generator, soft: FloatArray, typical: float) -> FloatArray:
    """Move the content of a map [H, W] in 0..1 by a smooth random displacement: per axis, deviation ``typical`` pixels."""
    size = soft.shape[0]
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    columns += np.float32(typical) * smooth_noise(rng, size, size / 16)
    rows += np.float32(typical) * smooth_noise(rng, size, size / 16)
    return np.asarray(cv2.remap(soft, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
