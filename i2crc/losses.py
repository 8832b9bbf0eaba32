"""The distances within and between classes under saliency, and the training step (i2crc spec, section 3.1).

The published terms enlarge the maps to the size of the saliency maps, 256 x 256, and sum over pixels there. Enlarging is linear
and each new pixel depends on two rows and two columns of neighbours, so that every such sum equals one over the small maps, with
weights that depend on the saliency maps alone: no enlarged map is ever made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from common.bounds import bounded, require_bounds
from common.engine.losses import Losses, Mean
from common.method.plain_cam import classification_loss

AREA_EPSILON = 1e-5


@dataclass
class RelationConfig:
    """The three terms that take part beside the classification loss.

    Args:
        object_weight: of the class-agnostic distance within the salient region.
        background_weight: of the class-agnostic distance within the rest of the image.
        class_weight: of the class-specific distance between the two.
        images_with: single takes part with images of one tag, as published; all with every image that has a tag; background
            with all in the distance within the background, which holds whatever the objects are, and with those of one tag in
            the others.
        divide_by: the class-specific distance of an image is the sum over its tags divided by all classes, as published, or by
            its tags.
        margin: how far the salient region's score must exceed the rest's for a tag to count no more; 0 keeps the published
            term, which has no lower bound.
    """

    object_weight: float = bounded(0.01, least=0, most=1e6)
    background_weight: float = bounded(0.025, least=0, most=1e6)
    class_weight: float = bounded(0.1, least=0, most=1e6)
    images_with: Literal["single", "all", "background"] = "single"
    divide_by: Literal["classes", "tags"] = "classes"
    margin: float = bounded(0.0, least=0, most=1e6)

    def __post_init__(self) -> None:
        require_bounds(self, "relation")

    @property
    def is_used(self) -> bool:
        return max(self.object_weight, self.background_weight, self.class_weight) > 0


class RelationTerms(NamedTuple):
    """One value per image that takes part.

    Attributes:
        object, background: class-agnostic distances, at least 0.
        between: class-specific distance, any sign.
    """

    object: Tensor
    background: Tensor
    between: Tensor


def enlarging_weights(length: int, size: int, like: Tensor) -> Tensor:
    """What each of ``length`` positions counts in each of ``size``: bilinear, corners not aligned; ``length`` x ``size``."""
    unit = torch.eye(length, dtype=like.dtype, device=like.device)
    return interpolate(unit[None], size, mode="linear", align_corners=False)[0]


class SumsOverMask:
    """Sums over the enlarged maps under masks, computed at the maps' own size.

    Args:
        mask: N x H x W, in 0..1.
        size: (h, w) of the maps.
    """

    def __init__(self, mask: Tensor, size: tuple[int, int]) -> None:
        self.area = mask.sum((1, 2))[:, None]
        self.rows = enlarging_weights(size[0], mask.shape[1], mask)
        self.columns = enlarging_weights(size[1], mask.shape[2], mask)
        self.mask = mask

    def weighted(self, values: Tensor, down: int = 0, right: int = 0) -> Tensor:
        """What the product of a position and its neighbour ``down`` and ``right`` of it counts in the sum of ``values`` (N x H x
        W) times a squared enlarged map: N x (h - down) x (w - right)."""
        rows, columns = (
            weights[: len(weights) - step] * weights[step:]
            for weights, step in ((self.rows, down), (self.columns, right))
        )
        return rows @ values @ columns.T

    def prototypes(self, maps: Tensor) -> Tensor:
        """Mean score of every map under the mask, N x C (nothing under it: 0), of maps N x C x h x w, any sign."""
        weights = self.rows @ self.mask @ self.columns.T
        return torch.einsum("nchw,nhw->nc", maps, weights) / (self.area + AREA_EPSILON)

    def squared_distance(self, maps: Tensor, prototypes: Tensor) -> Tensor:
        """Sum of (mask x (map - prototype))^2 over the area of the mask, N x C, not negative."""
        # Enlarging keeps constants: the difference may be taken first, which leaves no large sums to cancel.
        apart, squares = maps - prototypes[:, :, None, None], self.mask.square()
        here, left, right = apart, apart[..., :-1], apart[..., 1:]
        total = torch.einsum("nchw,nhw->nc", here.square(), self.weighted(squares))
        pairs = [
            (left * right, self.weighted(squares, 0, 1)),
            (here[:, :, :-1] * here[:, :, 1:], self.weighted(squares, 1, 0)),
            (left[:, :, :-1] * right[:, :, 1:] + right[:, :, :-1] * left[:, :, 1:], self.weighted(squares, 1, 1)),
        ]
        for products, weights in pairs:
            total = total + 2 * torch.einsum("nchw,nhw->nc", products, weights)
        return total / (self.area + AREA_EPSILON)


def class_agnostic_distance(maps: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """How far the scores under a mask are from their mean there.

    Args:
        maps: N x C x h x w, any sign.
        mask: N x H x W in 0..1; maps are enlarged to its size.

    Returns:
        Distance per image, N, not negative: mean over all C maps; prototypes N x C.
    """
    kind = torch.promote_types(maps.dtype, mask.dtype)
    sums = SumsOverMask(mask.to(kind), (maps.shape[2], maps.shape[3]))
    prototypes = sums.prototypes(maps.to(kind))
    return sums.squared_distance(maps.to(kind), prototypes).mean(1), prototypes


def class_specific_distance(
    inside: Tensor, outside: Tensor, tags: Tensor, divide_by: str = "classes", margin: float = 0.0
) -> Tensor:
    """How much higher the tagged classes score outside of the salient region than inside, per image, N.

    Args:
        inside, outside: prototypes N x C, any sign.
        tags: N x C, 0 or 1.
        divide_by: ``classes`` (C, as published) or ``tags``.
        margin: see :class:`RelationConfig`.
    """
    difference = outside - inside
    if margin:
        difference = (difference + margin).clamp(min=0)
    of_tags = (difference * tags).sum(1)
    return of_tags / (tags.shape[1] if divide_by == "classes" else tags.sum(1).clamp(min=1))


def relation_terms(maps: Tensor, saliency: Tensor, tags: Tensor, config: RelationConfig) -> RelationTerms:
    """The three terms, each of the images that take part in it; none may, then it is empty.

    Args:
        maps: N x C x h x w, any sign.
        saliency: N x H x W in 0..1, not binarised.
        tags: N x C, 0 or 1.
    """
    count = tags.sum(1)
    # Images in the distance within the background, and those that take part in the other two.
    part = count == 1 if config.images_with == "single" else count > 0
    whole = part if config.images_with == "all" else count == 1
    within_background, outside = class_agnostic_distance(maps[part], 1 - saliency[part])
    within_object, inside = class_agnostic_distance(maps[whole], saliency[whole])
    between = class_specific_distance(inside, outside[whole[part]], tags[whole], config.divide_by, config.margin)
    return RelationTerms(within_object, within_background, between)


class RelationStep:
    """``(network, batch) -> losses``: classification on all images, the terms on those that take part.

    The batch holds ``image`` (N x 3 x S x S), ``tags`` (N x C) and, where a term is used, ``saliency`` (N x S x S in 0..1).
    """

    def __init__(self, config: RelationConfig) -> None:
        self.config = config

    def __call__(self, network: nn.Module, batch: dict[str, Any]) -> Losses:
        scores = network(batch["image"])
        losses: dict[str, Tensor | Mean] = {"classification": classification_loss(scores.logits.float(), batch["tags"])}
        if self.config.is_used:
            losses |= self.relations(scores.maps, batch["saliency"], batch["tags"])
        return losses

    def relations(self, maps: Tensor, saliency: Tensor, tags: Tensor) -> dict[str, Mean]:
        """The weighted terms, in single precision: their sums are over thousands of pixels."""
        with torch.autocast(maps.device.type, enabled=False):
            return self.weighted(relation_terms(maps.float(), saliency, tags, self.config))

    def weighted(self, terms: RelationTerms) -> dict[str, Mean]:
        """Means over the images that take part, 0 where none does."""
        config = self.config
        weights = (config.object_weight, config.background_weight, config.class_weight)
        names = ("within_object", "within_background", "between")
        return {
            name: Mean(weight * term.sum(), float(len(term)))
            for name, weight, term in zip(names, weights, terms, strict=True)
        }
