"""Small array helpers the toy set's modules share."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]

SUPERSAMPLING = 3


def smooth_noise(rng: np.random.Generator, size: int, sigma: float) -> FloatArray:
    """Noise float32 [size, size] smooth over about ``sigma`` pixels, with zero mean and unit standard deviation."""
    # Smooth noise is drawn coarsely and enlarged: filtering it at full size would take most of the set's time.
    step = max(1.0, sigma / 1.5)
    coarse = int(np.ceil(size / step)) + 1
    noise = cv2.GaussianBlur(rng.standard_normal((coarse, coarse), np.float32), (0, 0), max(sigma / step, 0.3))
    fine = np.asarray(cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)
    return np.asarray((fine - fine.mean()) / (fine.std() + 1e-6), np.float32)


def polygon_alpha(points: FloatArray, size: int) -> FloatArray:
    """Coverage [size, size] in 0..1 of the filled polygon ``points`` float32 [N, 2] (x, y in pixels)."""
    canvas = np.zeros((size * SUPERSAMPLING, size * SUPERSAMPLING), np.uint8)
    cv2.fillPoly(canvas, [np.round(points * SUPERSAMPLING).astype(np.int32)], 255)
    coverage = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(coverage / 255, np.float32)
