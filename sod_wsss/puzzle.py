"""Puzzle-CAM's classifier, the losses of its pieces, and what it and AffinityNet see of an image (sod_wsss spec, sections 2.4, 3.3, 4.3)."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms import RandAugment

from common.bounds import bounded, bounded_share, bounded_side, require_bounds
from common.data.colours import ColourConfig, Jitter, Uint8, jitter_colours
from common.data.palette import IGNORE_LABEL
from common.data.sampling import Sample
from common.data.transforms import ToTensors
from common.data.windows import cut, draw_window, long_side_size, resized_bicubic, resized_nearest
from common.engine.losses import PROGRESS, Losses
from common.errors import DataError, require
from common.method.plain_cam import classification_loss
from common.method.settings import LongSidesConfig, require_long_sides
from common.models.base import Backbone

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

    crop_size: int = bounded_side(512, 16)
    long_sides: list[int] = field(default_factory=lambda: [320, 640])
    # Published: both changes of the colours are there, and off.
    jitter: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    rand_augment: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_bounds(self, "square")
        require_long_sides("square.long_sides", self.long_sides)


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


@dataclass
class PuzzleConfig:
    """How the maps of an image are held against those of its pieces.

    Args:
        pieces: into how many pieces of equal size an image is cut: 4 (published), 9, 16, ...; 1 leaves them out, which is plain CAM.
        reconstruction: greatest weight of the distance between the maps.
        rising_share: share of the training over which that weight rises from 0; with 0 it is there from the start.
        distance: l1 (published) or l2.
        distance_in: the distance is measured in the maps of the tagged classes (published), or in all.
    """

    pieces: int = bounded(4, least=1, most=10000)
    reconstruction: float = bounded(4.0, least=0, most=1e6)
    rising_share: float = bounded_share(0.5)
    distance: Literal["l1", "l2"] = "l1"
    distance_in: Literal["tagged", "all"] = "tagged"

    def __post_init__(self) -> None:
        require_bounds(self, "puzzle")
        require(
            math.isqrt(self.pieces) ** 2 == self.pieces,
            f"puzzle.pieces is {self.pieces}; give 1, 4, 9, ...: as many pieces down as across",
        )

    @property
    def per_side(self) -> int:
        return math.isqrt(self.pieces)

    def weight(self, progress: float) -> float:
        """The weight of the distance after a share of the training's steps (0..1)."""
        risen = progress / self.rising_share if self.rising_share else 1.0
        return min(self.reconstruction * risen, self.reconstruction)


def tiled(images: Tensor, per_side: int = 2) -> Tensor:
    """N x C x H x W to its tiles (per_side^2 N) x C x H/per_side x W/per_side.

    The first N are the top left tiles of all images, the next N those to the right of them, and so on row by row.

    Raises:
        DataError: the sides are no multiples of ``per_side``: published code then cuts more tiles than it puts together.
    """
    count, channels, height, width = images.shape
    if height % per_side or width % per_side:
        raise DataError(
            f"images of {height} x {width} cannot be cut into {per_side} x {per_side} equal pieces; give square.crop_size "
            f"a multiple of {per_side}"
        )
    cells = images.reshape(count, channels, per_side, height // per_side, per_side, width // per_side)
    return cells.permute(2, 4, 0, 1, 3, 5).reshape(-1, channels, height // per_side, width // per_side)


def merged(tiles: Tensor, per_side: int = 2) -> Tensor:
    """The inverse of :func:`tiled`: (per_side^2 N) x C x h x w to N x C x (per_side h) x (per_side w)."""
    channels, height, width = tiles.shape[1:]
    cells = tiles.reshape(per_side, per_side, -1, channels, height, width)
    return cells.permute(2, 3, 0, 4, 1, 5).reshape(-1, channels, per_side * height, per_side * width)


class PuzzleMaps(NamedTuple):
    """Attributes: whole: maps of the images, N x C x h x w, any sign; pieces: those of their pieces put together, or None."""

    whole: Tensor
    pieces: Tensor | None


class PuzzleClassifier(nn.Module):
    """Backbone, 1x1 convolution without bias to one map per class; logits are the maps' means.

    Args:
        backbone: feature extractor.
        n_classes: classes without background.
        per_side: pieces of an image along a side; 1 leaves the pieces out.
    """

    def __init__(self, backbone: Backbone, n_classes: int, per_side: int = 2) -> None:
        super().__init__()
        self.backbone, self.per_side = backbone, per_side
        self.head = nn.Conv2d(backbone.out_channels, n_classes, 1, bias=False)
        nn.init.kaiming_normal_(self.head.weight)

    def class_maps(self, images: Tensor) -> Tensor:
        """Normalised images N x 3 x H x W to class maps N x C x h x w, any sign."""
        return cast(Tensor, self.head(self.backbone(images)))

    def forward(self, images: Tensor) -> PuzzleMaps:
        """Maps of normalised images N x 3 x H x W; raises as :func:`tiled`."""
        whole = self.class_maps(images)
        if self.per_side == 1:
            return PuzzleMaps(whole, None)
        return PuzzleMaps(whole, merged(self.class_maps(tiled(images, self.per_side)), self.per_side))


def map_logits(maps: Tensor) -> Tensor:
    """N x C of maps N x C x h x w: their spatial means."""
    return maps.mean(dim=(2, 3))


def map_distance(whole: Tensor, pieces: Tensor, tags: Tensor | None, kind: str = "l1") -> Tensor:
    """Mean over all elements of the distance between maps N x C x h x w of images and of their pieces.

    Args:
        tags: N x C of 0 and 1; only the maps of these classes have a distance, but all elements are counted (published). None
            takes all.
        kind: l1 or l2.

    Raises:
        DataError: the two have different sizes.
    """
    if whole.shape != pieces.shape:
        sizes = f"{tuple(whole.shape[2:])} and {tuple(pieces.shape[2:])}"
        raise DataError(
            f"the maps of an image and of its pieces are {sizes} (height, width); give square.crop_size a multiple of "
            "the backbone's output stride and of the pieces of a side"
        )
    apart = whole - pieces
    distance = apart.abs() if kind == "l1" else apart.square()
    return (distance if tags is None else distance * tags[:, :, None, None]).mean()


class PuzzleStep:
    """``(network, batch) -> losses``: classification by the whole images and by their pieces, and the distance of their maps.

    The batch holds ``image`` (N x 3 x S x S), ``tags`` (N x C) and ``progress`` (0..1), with which the weight of the distance rises.
    """

    def __init__(self, config: PuzzleConfig) -> None:
        self.config = config

    def __call__(self, network: nn.Module, batch: dict[str, Any]) -> Losses:
        maps, tags = network(batch["image"]), batch["tags"]
        # In single precision: the means are over many pixels.
        with torch.autocast(maps.whole.device.type, enabled=False):
            whole = maps.whole.float()
            losses = {"classification": classification_loss(map_logits(whole), tags)}
            if maps.pieces is not None:
                pieces = maps.pieces.float()
                masked = tags if self.config.distance_in == "tagged" else None
                distance = map_distance(whole, pieces, masked, self.config.distance)
                losses["pieces"] = classification_loss(map_logits(pieces), tags)
                losses["reconstruction"] = self.config.weight(batch[PROGRESS]) * distance
        return losses
