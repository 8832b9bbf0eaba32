"""The features of the pixels that the two kernels of the CRF compare (deeplabv2 spec, section 12.1)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from common.crf.permutohedral import KeyLayout, key_layout
from common.crf.presets import CrfSettings

Floats = npt.NDArray[np.float32]

# The published code works on four pixels at a time and fills the last four up with zeros, position and colour. These are no
# pixels, but their vertices let the blur through where the image is black near its first pixel.
PIXELS_AT_ONCE = 4


def n_empty_of(size: tuple[int, int]) -> int:
    """How many rows of zeros follow the features of an image of ``size`` (height, width)."""
    return -(size[0] * size[1]) % PIXELS_AT_ONCE


def position_features(size: tuple[int, int], sxy: float) -> Floats:
    """x and y of the pixels in standard deviations, row by row, float32 [N + n_empty, 2]."""
    rows, columns = np.indices(size, dtype=np.float32)
    features = np.zeros((rows.size + n_empty_of(size), 2), np.float32)
    features[: rows.size] = np.stack([columns.ravel(), rows.ravel()], axis=1) / np.float32(sxy)
    return features


def colour_features(image: npt.NDArray[np.uint8], settings: CrfSettings) -> Floats:
    """x, y and the three channels of the pixels of an image uint8 HxWx3, float32 [N + n_empty, 5]."""
    size = (image.shape[0], image.shape[1])
    positions = position_features(size, settings.bilateral_sxy)
    features = np.zeros((len(positions), 5), np.float32)
    features[:, :2] = positions
    features[: size[0] * size[1], 2:] = image.reshape(-1, 3).astype(np.float32) / np.float32(settings.bilateral_srgb)
    return features


def position_layout(size: tuple[int, int], sxy: float, n_images: int = 1) -> KeyLayout:
    """The numbering of the vertices for :func:`position_features`."""
    return key_layout([(size[1] - 1) / sxy, (size[0] - 1) / sxy], n_images)


def colour_layout(size: tuple[int, int], settings: CrfSettings, n_images: int = 1) -> KeyLayout:
    """The numbering of the vertices for :func:`colour_features`."""
    sxy, srgb = settings.bilateral_sxy, settings.bilateral_srgb
    return key_layout([(size[1] - 1) / sxy, (size[0] - 1) / sxy, *[255 / srgb] * 3], n_images)
