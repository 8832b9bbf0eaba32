"""Scaling and padding whole images, as published: what the quick window is held against."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from common.data.palette import IGNORE_LABEL
from common.data.sampling import Sample
from common.data.transforms import SPATIAL, resize_sample, with_longer_side


class RandomScale:
    """Scale both sides by one of ``scales``, drawn uniformly; sizes are rounded down.

    Args:
        base_size: longer side of the size that is multiplied by the scale, in place of the sample's own; 0 for its own. There is
            one resize all the same, straight to the product (deeplabv2 spec, section 4.2).
    """

    def __init__(self, scales: Sequence[float], base_size: int = 0) -> None:
        self.scales = list(scales)
        self.base_size = base_size

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        height, width = sample["image"].shape[:2]
        if self.base_size:
            height, width = with_longer_side(height, width, self.base_size)
        scale = rng.choice(self.scales)
        return resize_sample(sample, max(1, int(height * scale)), max(1, int(width * scale)))


class PadToSize:
    """Pad at the bottom and right up to ``size`` x ``size``.

    Args:
        size: least height and width in pixels.
        fill: colour of the padded image, in the image's own units.
        mask_fill: label of the padded mask.
    """

    def __init__(self, size: int, fill: Sequence[float], mask_fill: int = IGNORE_LABEL) -> None:
        self.size = size
        self.fills = {"image": list(fill), "mask": mask_fill, "saliency": 0, "dense": 0}

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        height, width = sample["image"].shape[:2]
        below, right = max(0, self.size - height), max(0, self.size - width)
        if not below and not right:
            return sample
        padded = dict(sample)
        for name in SPATIAL:
            if name in sample:
                old = sample[name]
                shape = (height + below, width + right, *old.shape[2:])
                padded[name] = np.empty(shape, old.dtype)
                padded[name][...] = np.asarray(self.fills[name]).astype(old.dtype)
                padded[name][:height, :width] = old
        return padded
