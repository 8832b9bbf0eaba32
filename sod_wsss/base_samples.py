"""What the networks behind the base labels see of an image in training (sod_wsss spec, section 4.3)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import RandAugment

from common.data.colours import ColourConfig, Jitter, Uint8, jitter_colours
from common.data.palette import IGNORE_LABEL
from common.data.sampling import Sample
from common.data.transforms import ToTensors
from common.data.windows import cut, draw_window, long_side_size, resized_bicubic, resized_nearest
from common.errors import require
from common.method.settings import LongSidesConfig, require_long_sides

# Operations on an image, and their strength among 31 steps (spec, section 4.3).
RAND_AUGMENT = (2, 10)
# An edge map has one value for so many pixels of a side.
EDGE_STRIDE = 4


@dataclass
class BaseSquareConfig(LongSidesConfig, ColourConfig):
    """What the networks behind the base labels see of an image; the colours change for the classifier only.

    Args:
        rand_augment: put each image through two random operations of RandAugment.
    """

    crop_size: int = 512
    long_sides: list[int] = field(default_factory=lambda: [320, 640])
    # Published: both changes of the colours are there, and off.
    jitter: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    rand_augment: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_long_sides("square.long_sides", self.long_sides)
        require(self.crop_size >= 16, f"square.crop_size is {self.crop_size}; give at least 16 pixels")


class BaseInput:
    """``(sample, rng) -> sample``: resized by the longer side, mirrored, recoloured, normalised, cut.

    From ``id``, ``image`` (uint8, H x W x 3) and, where they are there, ``tags`` (float32, C) and ``mask`` (uint8, H x W) to ``id``,
    ``tags``, ``image`` (float32, 3 x S x S, normalised) and ``mask`` (int64, S/4 x S/4). Beyond the image are 0 and 255.

    Draws, in this order: the longer side, the mirror image, the colours (none where they stay), the square.

    Args:
        crop_size: side of the square, S.
        long_sides: least and greatest longer side, both included.
        jitter: strength of brightness, contrast, saturation and hue changes.
        rand_augment: see :class:`BaseSquareConfig`; labels do not follow what it moves.
    """

    def __init__(
        self, crop_size: int, long_sides: Sequence[int], jitter: Jitter | None = None, rand_augment: bool = False
    ) -> None:
        self.crop_size, self.rand_augment = crop_size, rand_augment
        self.jitter = jitter if jitter and any(jitter) else None
        self.shortest, self.longest = long_sides
        self.to_tensors = ToTensors()

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        height, width = sample["image"].shape[:2]
        size = long_side_size(height, width, rng.randint(self.shortest, self.longest))
        mirrored = rng.random() < 0.5
        image = resized_bicubic(sample["image"], size)
        if mirrored:
            image = image[:, ::-1]
        if self.jitter:
            image = jitter_colours(image, self.jitter, rng)
        if self.rand_augment:
            image = rand_augmented(image, rng)
        window = draw_window(image.shape[0], image.shape[1], self.crop_size, rng)
        made: Sample = {"id": sample["id"], "image": cut(self.to_tensors.image(image), window, self.crop_size)}
        if "tags" in sample:
            made["tags"] = torch.from_numpy(np.array(sample["tags"], np.float32))
        if "mask" in sample:
            labels = resized_nearest(sample["mask"], size)
            turned = torch.from_numpy(np.array(labels[:, ::-1] if mirrored else labels))
            square = cut(turned, window, self.crop_size, IGNORE_LABEL)
            made["mask"] = edge_labels(square.numpy(), self.crop_size // EDGE_STRIDE)
        return made


def edge_labels(labels: Uint8, side: int) -> torch.Tensor:
    """A label map uint8 S x S at the size of the edge map, int64 side x side, by Pillow's nearest neighbour."""
    return torch.from_numpy(resized_nearest(labels, (side, side)).astype(np.int64))


def rand_augmented(image: Uint8, rng: random.Random) -> Uint8:
    """uint8 H x W x 3 after two operations of RandAugment at strength 10 (of 30), drawn from ``rng``."""
    with torch.random.fork_rng(devices=[]):
        # torchvision draws from the global state alone.
        torch.manual_seed(rng.getrandbits(63))
        return np.asarray(RandAugment(*RAND_AUGMENT)(Image.fromarray(np.ascontiguousarray(image))))
