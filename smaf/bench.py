"""The published form of EPS's training step, and a made-up batch: what ``bench`` compares this toolbox's step with.

The published way: one class after the other in the saliency loss, BatchNorm computed although it is frozen. The losses are the
same.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, mse_loss

from common.engine.losses import Losses, Mean
from common.method.plain_cam import classification_loss
from common.method.steps import Batch, Form
from smaf.losses import COUNT_EPSILON, EpsStep
from smaf.network import MapScores
from smaf.samples import attention_size


class StepByClass(EpsStep):
    """The losses of :class:`EpsStep`, class by class and image by image."""

    def __call__(self, network: nn.Module, batch: dict[str, Any]) -> Losses:
        scores = cast(MapScores, network(batch["image"]))
        losses: dict[str, Tensor | Mean] = {"classification": classification_loss(scores.logits.float(), batch["tags"])}
        if self.with_saliency:
            losses["saliency"] = self.saliency(scores.maps, batch["saliency"], batch["tags"])
        return losses

    def saliency(self, maps: Tensor, saliency: Tensor, tags: Tensor) -> Tensor:
        """As :func:`smaf.losses.saliency_loss`, by a loop over the classes."""
        probabilities = maps.float().softmax(1)
        target = interpolate(saliency.float(), maps.shape[2:], mode="nearest")
        foreground = torch.zeros_like(target)
        away = probabilities[:, -1:].clone()
        for number in range(tags.shape[1]):
            one = probabilities[:, number : number + 1]
            covered = one.detach().round()
            share = (covered * target.round()).sum((1, 2, 3)) / (covered + COUNT_EPSILON).sum((1, 2, 3))
            tagged = tags[:, number] > 0
            foreground = foreground + one * (tagged & (share > self.tau)).float()[:, None, None, None]
            away = away + one * (tagged & (share <= self.tau)).float()[:, None, None, None]
        return mse_loss(self.lam * foreground + (1 - self.lam) * (1 - away), target)


def eps_as_published(form: Form) -> Form:
    """The published form of a step: the same network and batch; what is frozen is not folded."""
    step = form.step
    assert isinstance(step, EpsStep)
    return Form(form.network, StepByClass(step.with_saliency, step.tau, step.lam), form.batch)


def noise_with_saliency(count: int, side: int, n_classes: int) -> Batch:
    """Noise for images count x 3 x side x side, a salient disc in each, and two tags, so that no dataset is needed."""
    generator = torch.Generator().manual_seed(0)
    tags = torch.zeros(count, n_classes)
    for image in range(count):
        tags[image, torch.randperm(n_classes, generator=generator)[:2]] = 1
    places = torch.linspace(-1, 1, side)
    disc = (places[:, None] ** 2 + places[None] ** 2 < 0.5).float()
    return {
        "image": torch.randn(count, 3, side, side, generator=generator),
        "tags": tags,
        "saliency": disc.expand(count, 1, side, side).contiguous(),
    }


def noise_with_attention(count: int, side: int, n_classes: int) -> Batch:
    """The same with the targets of self-training, one per class at a quarter of the side."""
    batch = noise_with_saliency(count, side, n_classes)
    targets = torch.rand(count, n_classes, *attention_size(side, side), generator=torch.Generator().manual_seed(0))
    return {**batch, "attention": targets}
