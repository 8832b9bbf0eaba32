"""Heat maps and label maps drawn over the image they belong to."""

from __future__ import annotations

import cv2
import numpy as np

from common.data.palette import as_label_map, colour_label_map
from common.errors import DataError

HEAT_COLOURS = "turbo"
HEAT_OPACITY = 0.55
# An outline is this many times thinner than the longer side of its image, so that one sees it at any size on a screen.
OUTLINE_SHARE = 700
# Rows that are mixed at a time, in float64: a photograph of 12 million pixels would take a gigabyte at once.
ROWS_AT_ONCE = 256


def cam_overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Blend a heat map into an image: blue where it is 0, red where it is 1.

    Args:
        image: uint8 RGB [H, W, 3].
        heat: float [H, W] in 0..1.

    Returns:
        uint8 RGB [H, W, 3].

    Raises:
        DataError: sizes differ, or ``heat`` leaves 0..1 or holds a NaN.
    """
    _require_image(image, heat.shape, "heat map")
    # The negated form is true for NaN as well.
    if not (heat.min() >= 0 and heat.max() <= 1):
        raise DataError(f"heat map holds values from {heat.min()} to {heat.max()}; normalise it to 0..1 first")
    # Imported where a picture is drawn: most commands draw none.
    from matplotlib import colormaps

    colours = colormaps[HEAT_COLOURS](heat)[..., :3] * 255
    return _blend(image, colours, np.full(heat.shape, HEAT_OPACITY))


def label_overlay(image: np.ndarray, label_map: np.ndarray, opacity: float = 0.6) -> np.ndarray:
    """Tint the labelled pixels in VOC colours, with a stronger outline (wider in large images); background (0) stays as it is.

    Args:
        image: uint8 RGB [H, W, 3].
        label_map: integers [H, W]: 0 background, 1..C classes, 255 ignore.
        opacity: 0 (image only) .. 1 (colours only).

    Returns:
        uint8 RGB [H, W, 3].

    Raises:
        DataError: sizes differ, or opacity leaves 0..1.
    """
    _require_image(image, label_map.shape, "label map")
    if not 0 <= opacity <= 1:
        raise DataError(f"opacity {opacity} is outside 0..1; give a value between them")
    labels = as_label_map(label_map, "label map to draw")
    width = 1 + 2 * max(1, round(max(labels.shape) / OUTLINE_SHARE))
    outline = cv2.morphologyEx(labels, cv2.MORPH_GRADIENT, np.ones((width, width), np.uint8)) > 0
    weight = np.where(outline, np.sqrt(opacity), opacity)
    return _blend(image, colour_label_map(labels), np.where(labels == 0, 0.0, weight))


def _require_image(image: np.ndarray, shape: tuple[int, ...], what: str) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise DataError(f"image is {image.dtype} {image.shape}; give uint8 RGB [H, W, 3]")
    if image.shape[:2] != shape:
        raise DataError(f"{what} is {shape} but the image is {image.shape[:2]}; resize one to the other first")


def _blend(image: np.ndarray, colours: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """``weight`` [H, W] of ``colours`` over ``image``, both [H, W, 3] with values 0..255."""
    blended = np.empty_like(image)
    for first in range(0, len(image), ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        share = weight[rows, :, None]
        blended[rows] = np.rint(image[rows] * (1 - share) + colours[rows] * share)
    return blended
