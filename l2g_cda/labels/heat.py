"""Attention maps as pictures (l2g_cda spec, section 6.5)."""

from __future__ import annotations

import cv2
import matplotlib
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]


def stretched(attention: Bytes, size: tuple[int, int]) -> Bytes:
    """The map at ``size`` = (height, width), from its own minimum (0) to its maximum (255).

    Resized in 8 bits with OpenCV's cubic kernel; values are truncated.
    """
    resized = cv2.resize(attention, (size[1], size[0]), interpolation=cv2.INTER_CUBIC).astype(np.float64)
    low, high = resized.min(), resized.max()
    return np.asarray((resized - low) / (high - low + 1e-8) * 255, np.uint8)


def jet(values: Bytes) -> Bytes:
    """uint8 H x W in matplotlib's jet colours, uint8 RGB H x W x 3."""
    colours: Bytes = matplotlib.colormaps["jet"](values, bytes=True)[..., :3]
    return colours
