"""The published form of the training step, and a made-up batch: what ``bench`` compares this toolbox's step with.

The published way: maps enlarged to the size of the saliency maps, which are in double precision, sums over the pixels there, one
image after the other; BatchNorm computed although it is frozen. The losses are the same.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from common.engine.losses import Mean
from common.method.steps import Batch, Form
from i2crc.losses import AREA_EPSILON, RelationConfig, RelationStep, RelationTerms, class_specific_distance


def enlarged_distance(maps: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """As :func:`i2crc.losses.class_agnostic_distance`, of one image: C x h x w and H x W; mean distance and prototype C."""
    enlarged = interpolate(maps[None], mask.shape, mode="bilinear", align_corners=False)[0]
    area = mask.sum() + AREA_EPSILON
    prototype = (enlarged * mask).sum((1, 2)) / area
    apart = mask * (enlarged - prototype[:, None, None])
    return (apart.square().sum((1, 2)) / area).mean(), prototype


def terms_one_by_one(
    maps: Tensor, saliency: Tensor, tags: Tensor, config: RelationConfig, double: bool = True
) -> RelationTerms:
    """The terms of :func:`i2crc.losses.relation_terms`, with its shapes, by a loop over the images.

    Args:
        double: in double precision, as published.
    """
    terms: list[tuple[Tensor, Tensor, Tensor]] = []
    for one, mask, row in zip(maps, saliency.double() if double else saliency, tags, strict=True):
        if row.sum() == 1 or (config.images_with == "all" and row.sum() > 0):
            within_object, inside = enlarged_distance(one, mask)
            within_background, outside = enlarged_distance(one, 1 - mask)
            between = class_specific_distance(inside[None], outside[None], row[None], config.divide_by, config.margin)[
                0
            ]
            terms.append((within_object, within_background, between))
    if not terms:
        nothing = maps.new_zeros(0)
        return RelationTerms(nothing, nothing, nothing)
    return RelationTerms(*(torch.stack(term) for term in zip(*terms, strict=True)))


class StepOneByOne(RelationStep):
    """The losses of :class:`RelationStep`, the terms by :func:`terms_one_by_one`."""

    def relations(self, maps: Tensor, saliency: Tensor, tags: Tensor) -> dict[str, Mean]:
        return self.weighted(terms_one_by_one(maps.float(), saliency, tags, self.config))


def relations_as_published(form: Form) -> Form:
    """The same network and batch; what is frozen is not folded."""
    return Form(form.network, StepOneByOne(cast(RelationStep, form.step).config), form.batch)


def noise_with_objects(count: int, side: int, n_classes: int) -> Batch:
    """Noise for images count x 3 x side x side with one tag and a soft salient disc each, so that no dataset is needed."""
    generator = torch.Generator().manual_seed(0)
    places = torch.linspace(-1, 1, side)
    disc = (1.2 - 2 * (places[:, None].square() + places[None].square())).clamp(0, 1)
    chosen = torch.randint(n_classes, (count,), generator=generator)
    return {
        "image": torch.randn(count, 3, side, side, generator=generator),
        "tags": torch.nn.functional.one_hot(chosen, n_classes).float(),
        "saliency": disc.expand(count, side, side).contiguous(),
    }
