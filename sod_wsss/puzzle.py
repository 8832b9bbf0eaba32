"""Puzzle-CAM's classifier: its maps of an image must agree with those of the image's pieces (sod_wsss spec, sections 2.4 and 3.3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from common.engine.losses import PROGRESS, Losses
from common.errors import DataError, require
from common.method.plain_cam import classification_loss
from common.method.settings import require_share
from common.models.base import Backbone


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

    pieces: int = 4
    reconstruction: float = 4.0
    rising_share: float = 0.5
    distance: Literal["l1", "l2"] = "l1"
    distance_in: Literal["tagged", "all"] = "tagged"

    def __post_init__(self) -> None:
        require(
            self.pieces >= 1 and math.isqrt(self.pieces) ** 2 == self.pieces,
            f"puzzle.pieces is {self.pieces}; give 1, 4, 9, ...: as many pieces down as across",
        )
        require(self.reconstruction >= 0, f"puzzle.reconstruction is {self.reconstruction}; it cannot be negative")
        require_share("puzzle.rising_share", self.rising_share)

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
