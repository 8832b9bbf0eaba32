"""The inputs of multi-scale inference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from common.data.transforms import ToTensors
from l2g_cda.data.settings import NORMALISATIONS
from l2g_cda.data.views import resize


def multi_scale(
    image: npt.NDArray[np.uint8], scales: Sequence[float] = (0.5, 1.0, 1.5, 2.0), normalisation: str = "imagenet"
) -> list[torch.Tensor]:
    """The image at every scale, each followed by its mirror (l2g_cda spec, section 4.8).

    Args:
        image: uint8 RGB, H x W x 3.
        scales: factors of both sides; sizes are rounded, halves to even.
        normalisation: imagenet or coco.

    Returns:
        ``2 * len(scales)`` normalised tensors, float32 3 x h x w.
    """
    to_tensors = ToTensors(*NORMALISATIONS[normalisation])
    inputs = []
    for scale in scales:
        size = (max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale)))
        scaled = to_tensors.image(resize(image, size, Image.Resampling.BICUBIC))
        inputs += [scaled, scaled.flip(-1)]
    return inputs
