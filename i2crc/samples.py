"""What the classifier sees of an image: all of it, squeezed to a square, with its saliency map alike (i2crc spec, section 4.2)."""

from __future__ import annotations

import random
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from common.bounds import bounded_side, require_bounds
from common.cam.inference import ReadableImages
from common.data.colours import NORMALISATIONS, InputColourConfig, Jitter, Uint8, jitter_colours
from common.data.sampling import Sample
from common.data.transforms import ToTensors
from i2crc.attention import AttentionConfig


@dataclass
class SquaredConfig(InputColourConfig):
    """The square to which images are squeezed, aspect ratio not kept; nothing is cut off.

    Args:
        side: of the square, in pixels.
        mirror: whether half of the training images are mirrored; published ones never are.
    """

    side: int = bounded_side(256, 8)
    mirror: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_bounds(self, "square")


def squared_image(image: Uint8, side: int) -> Uint8:
    """uint8 H x W x 3 to ``side`` x ``side``, Pillow's bilinear filter."""
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR))


def squared_saliency(saliency: Uint8, side: int) -> Tensor:
    """uint8 H x W to float32 ``side`` x ``side`` in 0..1, OpenCV's nearest neighbour; not binarised."""
    resized = cv2.resize(np.ascontiguousarray(saliency), (side, side), interpolation=cv2.INTER_NEAREST)
    return torch.from_numpy(resized.astype(np.float32) / 255)


class SquareInput:
    """``(sample, rng) -> sample`` of the training.

    From ``id``, ``image`` (uint8, H x W x 3), ``tags`` (float32, C) and, where it is there, ``saliency`` (uint8, H x W) to
    ``id``, ``tags``, ``image`` (float32, 3 x S x S, normalised) and ``saliency`` (float32, S x S, 0..1).

    Draws the colours (none where the strengths are 0), then with ``mirror`` the direction.
    """

    def __init__(self, side: int, jitter: Jitter, normalisation: str = "imagenet", mirror: bool = False) -> None:
        self.side, self.jitter, self.mirror = side, jitter, mirror
        self.to_tensors = ToTensors(*NORMALISATIONS[normalisation])

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        image = squared_image(sample["image"], self.side)
        if any(self.jitter):
            image = jitter_colours(image, self.jitter, rng)
        mirrored = self.mirror and rng.random() < 0.5

        def turned(values: Tensor) -> Tensor:
            return values.flip(-1) if mirrored else values

        made: Sample = {"id": sample["id"], "tags": torch.from_numpy(np.array(sample["tags"], np.float32))}
        made["image"] = turned(self.to_tensors.image(image))
        if "saliency" in sample:
            made["saliency"] = turned(squared_saliency(sample["saliency"], self.side))
        return made


class SquareLoader:
    """``id -> sample`` with the normalised square at every scale of the maps; runs in worker processes.

    The sample holds what :class:`common.cam.inference.PyramidLoader` says; ``size`` is that of the image.
    """

    def __init__(self, images: ReadableImages, side: int, config: AttentionConfig, normalisation: str) -> None:
        self.images, self.to_tensors = images, ToTensors(*NORMALISATIONS[normalisation])
        self.sides = [max(8, round(side * scale)) for scale in config.scales]

    def __call__(self, image_id: str) -> Sample:
        sample = self.images.read(image_id)
        pyramid = [self.to_tensors.image(squared_image(sample["image"], side)) for side in self.sides]
        return {"keys": np.flatnonzero(sample["tags"]), "size": sample["image"].shape[:2], "pyramid": pyramid}
