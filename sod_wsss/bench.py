"""The published form of the saliency network's training step, and a made-up batch: what ``bench`` compares this toolbox's step with.

The published way: the mean over the 31 x 31 neighbours of every pixel in one pool, again for each of the four maps although they have
one target. The losses are the same.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from common.engine.losses import Losses
from common.method.steps import Batch, Form
from sod_wsss.saliency_losses import (
    BOUNDARY_WEIGHT,
    NEIGHBOURHOOD,
    SaliencyStep,
    boundary_of,
    edge_loss,
    soften_edges,
    structure_loss,
)


def weight_by_squares(target: Tensor) -> Tensor:
    """As :func:`sod_wsss.saliency_losses.boundary_weight`, by one pool."""
    near = avg_pool2d(target, NEIGHBOURHOOD, stride=1, padding=NEIGHBOURHOOD // 2)
    return 1 + BOUNDARY_WEIGHT * (near - target).abs()


class StepMapByMap(SaliencyStep):
    """The losses of :class:`SaliencyStep`, every map with its own weights."""

    def __call__(self, network: nn.Module, batch: dict[str, Any]) -> Losses:
        scores, target = network(batch["image"]), batch["saliency"]
        weighted = [
            structure_loss(one.float(), target, self.bce_weighting, weight_by_squares(target)) for one in scores.maps
        ]
        losses: Losses = {"saliency": torch.stack(weighted).sum()}
        if self.edges == "none":
            return losses
        return {**losses, "edge": edge_loss(scores.edge.float(), batch["edge"], self.edges == "texture")}


def saliency_as_published(form: Form) -> Form:
    """The published form of a step: the same network and batch."""
    step = form.step
    assert isinstance(step, SaliencyStep)
    return Form(form.network, StepMapByMap(step.bce_weighting, step.edges), form.batch)


def noise_with_masks(count: int, side: int) -> Batch:
    """Noise for images count x 3 x side x side with a disc each, and its boundary, so that no dataset is needed."""
    places = torch.linspace(-1, 1, side)
    disc = (places[:, None] ** 2 + places[None] ** 2 < 0.5).float().expand(count, 1, side, side).contiguous()
    images = torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))
    return {"image": images, "saliency": disc, "edge": soften_edges(boundary_of(disc))}
