"""The published form of the training step, and a made-up batch: what ``bench`` compares this toolbox's step with.

The published way: one image after the other through the local network, one class after the other in the target, the
exchange of whole features before the classifier, BatchNorm computed although it is frozen. The losses are the same.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate

from common.method.steps import Form
from l2g_cda.losses import MAXIMUM_EPSILON, L2GStep
from l2g_cda.network import L2GNetwork, LocalToGlobal, ScoreMaps, exchange
from l2g_cda.views import ViewConfig


class OneByOne(nn.Module):
    """As :meth:`LocalToGlobal.forward`, as published: one image's patches at a time, exchange before the classifier."""

    def __init__(self, pair: LocalToGlobal) -> None:
        super().__init__()
        self.pair = pair

    def forward(self, images: Tensor, patches: Tensor) -> tuple[ScoreMaps, ScoreMaps]:
        # A BatchNorm that learns, as no published one does, has another loss for every split of its batch.
        learns = any(isinstance(layer, nn.BatchNorm2d) and layer.training for layer in self.pair.modules())
        groups = [patches] if learns else patches.split(len(patches) // len(images))
        local = [exchange_first(self.pair.local_network, group) for group in groups]
        joined = ScoreMaps(torch.cat([one.maps for one in local]), torch.cat([one.logits for one in local]))
        return exchange_first(self.pair.global_network, images), joined


def exchange_first(network: L2GNetwork, images: Tensor) -> ScoreMaps:
    """The network's scores, any sign, of images N x 3 x H x W (normalised RGB), computed in the published order."""
    taps = network.backbone.taps(images)
    features = exchange(taps.conv6, network.affinity(images, taps))
    maps = network.fc8(taps.conv6) + conv2d(features, network.fc8.weight)
    return ScoreMaps(maps, maps[:, : network.n_classes].mean(dim=(2, 3)))


class PublishedStep(L2GStep):
    """The losses with loops over patches and classes; shapes and ranges as :meth:`L2GStep.cut` and ``target``."""

    def cut(self, maps: Tensor, boxes: Tensor) -> Tensor:
        return torch.stack([maps[image, :, y1:y2, x1:x2] for image, x1, y1, x2, y2 in boxes.long().tolist()])

    def target(self, maps: Tensor, saliency: Tensor, batch: dict[str, Any]) -> Tensor:
        maps = maps.detach()
        target = torch.zeros_like(maps)
        salient = interpolate(saliency, maps.shape[2:], mode="nearest")[:, 0]
        n_classes = maps.shape[1] - 1
        for patch, image in enumerate(batch["boxes"][:, 0].long().tolist()):
            scores = maps[patch].clamp(min=0)
            for number in range(n_classes + 1):
                scores[number] = scores[number] / (scores[number].max() + MAXIMUM_EPSILON)
                if number < n_classes and batch["tags"][image, number] == 0:
                    scores[number] = 0
            order = scores.argsort(dim=0, descending=True, stable=True)
            for number in range(n_classes + 1):
                is_class = number < n_classes
                keeps_value = self.config.background_target == "value" and not is_class
                strength = scores[number] if keeps_value else scores[number] > self.config.background_threshold
                weight = salient[patch] if is_class else 1 - salient[patch]
                target[patch, number] = (order[0] == number) * strength * weight
        return target


def step_as_published(form: Form) -> Form:
    """The same step the published way."""
    step = cast(L2GStep, form.step)
    loops = PublishedStep(step.config, step.patch_side, step.stride, step.accumulate)
    return Form(OneByOne(cast(LocalToGlobal, form.network)), loops, form.batch)


def noise_views(views: ViewConfig, n_images: int, n_classes: int) -> dict[str, Any]:
    """Noise as images, in the form of :func:`l2g_cda.views.collate`: the time of a step does not depend on what is seen."""
    generator = torch.Generator().manual_seed(0)
    side, patches = views.input_size, views.patches
    starts = torch.randint(0, side - views.patch_side + 1, (n_images, patches, 2), generator=generator)
    places = torch.arange(n_images).repeat_interleave(patches)[:, None]
    tags = (torch.rand(n_images, n_classes, generator=generator) < 0.1).float()
    tags[:, 0] = 1
    return {
        "image": torch.randn(n_images, 3, side, side, generator=generator),
        "saliency": torch.rand(n_images, 1, side, side, generator=generator),
        "boxes": torch.cat([places, starts.flatten(0, 1), starts.flatten(0, 1) + views.patch_side], dim=1).float(),
        "tags": tags,
        "patch_tags": tags.repeat_interleave(patches, 0),
    }
