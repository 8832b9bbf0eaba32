"""From class maps of the square to attention maps of image size (i2crc spec, section 6.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch

from common.cam.files import Cams
from common.cam.inference import CamConfig, CamInference, divided_by_maximum, finite_sum, resize_maps
from common.data.sampling import Sample
from common.errors import require
from common.pseudo_labels.background import Floats

EPSILON = 1e-8


@dataclass
class AttentionConfig(CamConfig):
    """How the trained classifier is turned into attention maps.

    Args:
        scales: factors of the square's side; published the square alone.
        eight_bits: cut the maps to 8 bits before they are enlarged, as published; otherwise afterwards.
    """

    scales: list[float] = field(default_factory=lambda: [1.0])
    flip: bool = False
    eight_bits: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.long_side == 0, "cam.long_side is of no use here: images are squeezed to square.side; leave it out"
        )


class AttentionMaps(CamInference):
    """``[sample] -> [Cams]``: the positive part of the maps K x h x w, summed over scales and mirror images, at image size."""

    config: AttentionConfig

    def fused(self, sample: Sample, maps: Sequence[torch.Tensor]) -> Cams:
        height, width = max(tuple(one.shape[1:]) for one in maps)
        total = finite_sum(
            [one if one.shape[1:] == (height, width) else resize_maps(one, (height, width)) for one in maps]
        )
        return Cams(sample["keys"], attention(total, sample["size"], self.config.eight_bits))


def attention(maps: torch.Tensor, size: tuple[int, int], eight_bits: bool = True) -> Floats:
    """Maps K x h x w, not negative, as shares of their maximum at ``size`` = (height, width), by OpenCV's bicubic filter.

    Returns:
        float32 K x H x W in 0..1, with ``eight_bits`` multiples of 1 / 255. A class without a positive value is 0.
    """
    shares = divided_by_maximum(maps, EPSILON)
    resized = np.zeros((len(shares), *size), np.float32)
    for number, one in enumerate(shares):
        values = (one * np.float32(255)).astype(np.uint8) if eight_bits else one
        enlarged = cv2.resize(values, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
        resized[number] = enlarged.astype(np.float32) / 255 if eight_bits else enlarged.clip(0, 1)
    return resized
