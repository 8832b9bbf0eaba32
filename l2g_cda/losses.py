"""What the local network teaches the global one: targets, the aligned map, the losses, the step (l2g_cda spec, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, mse_loss
from torchvision.ops import roi_align

from common.bounds import bounded, require_bounds
from common.engine.losses import Losses
from common.method.plain_cam import classification_loss
from l2g_cda.network import ScoreMaps
from l2g_cda.views import cut_patches

# Keeps divisions by a maximum of 0 finite.
MAXIMUM_EPSILON = 1e-8

# What the target's background channel holds where background wins: an indicator (VOC) or the winning value (COCO).
BackgroundRule = Literal["indicator", "value"]


@dataclass
class L2GLoss:
    """What the global network learns from the local one.

    Args:
        distillation_weight: factor of the distillation (VOC 10, COCO 30).
        background_threshold: winners at or below it are no target at all (VOC 0.001, COCO 0.1).
        background_target: value of the target's background channel: indicator (VOC) or value (COCO).
        global_weight: factor of the global network's own classification loss; as published it is computed for the log only.
    """

    distillation_weight: float = bounded(10.0, least=0, most=1e6)
    background_threshold: float = bounded(0.001, least=0, below=1)
    background_target: BackgroundRule = "indicator"
    global_weight: float = bounded(0.0, least=0, most=1e6)

    def __post_init__(self) -> None:
        require_bounds(self, "loss")


class L2GStep:
    """Step function: cuts the patches, runs both networks, gives the losses.

    Args:
        stride: view size divided by map size of the global network.
        accumulate: batches per optimiser step, by which (as published) the distillation is not divided.
    """

    def __init__(self, config: L2GLoss, patch_side: int, stride: int, accumulate: int = 1) -> None:
        self.config, self.patch_side, self.stride, self.accumulate = config, patch_side, stride, accumulate

    def __call__(self, network: nn.Module, batch: dict[str, Any]) -> Losses:
        patches = self.cut(batch["image"], batch["boxes"])
        return self.losses(network(batch["image"], patches), batch)

    def cut(self, maps: Tensor, boxes: Tensor) -> Tensor:
        """The patches of images or saliency maps (N x C x S x S, any sign) at the boxes (R x 5), R x C x c x c."""
        return cut_patches(maps, boxes, self.patch_side)

    def target(self, maps: Tensor, saliency: Tensor, batch: dict[str, Any]) -> Tensor:
        """:func:`local_target` of the local network's maps (R x (K + 1) x h x w) with saliency (R x 1 x c x c, 0..1)."""
        tags = batch["tags"][batch["boxes"][:, 0].long()]
        return local_target(maps, tags, saliency, self.config.background_threshold, self.config.background_target)

    def losses(self, scores: tuple[ScoreMaps, ScoreMaps], batch: dict[str, Any]) -> Losses:
        """The losses of what both networks said of views and patches; the last has an effect only with ``global_weight``."""
        (views, patches), config, boxes = scores, self.config, batch["boxes"]
        target = self.target(patches.maps, self.cut(batch["saliency"], boxes), batch)
        probabilities = aligned_probabilities(views.maps, boxes, (target.shape[2], target.shape[3]), self.stride)
        of_views = classification_loss(views.logits.float(), batch["tags"])
        return {
            "distillation": self.accumulate * config.distillation_weight * mse_loss(probabilities, target),
            "local_classification": classification_loss(patches.logits.float(), batch["patch_tags"]),
            # Without a weight it is detached: it is in the log, and its gradient nowhere.
            "global_classification": config.global_weight * of_views if config.global_weight else of_views.detach(),
        }


def local_target(
    maps: Tensor, tags: Tensor, saliency: Tensor, threshold: float, background: BackgroundRule = "indicator"
) -> Tensor:
    """The local maps as soft labels: the strongest tagged class of each pixel, weighted by saliency.

    The positive part of every map is divided by its maximum; maps of absent classes vanish; at each pixel the largest of
    the K classes and the background stays, among equal ones the first. A winner above ``threshold`` becomes the saliency
    (a class) or 1 - saliency (the background); elsewhere the target is 0 in all channels.

    Args:
        maps: R x (K + 1) x h x w scores of R patches, background last, any sign.
        tags: R x K, 0 or 1: the tags of the image each patch was cut from.
        saliency: R x 1 x H x W in 0..1; taken at h x w by nearest neighbour.

    Returns:
        R x (K + 1) x h x w in 0..1, without gradient.
    """
    scores = maps.detach().float().clamp(min=0)
    allowed = torch.cat([tags, tags.new_ones(len(tags), 1)], dim=1)
    scores = scores / (scores.amax(dim=(2, 3), keepdim=True) + MAXIMUM_EPSILON) * allowed[:, :, None, None]
    strength, winner = scores.max(dim=1, keepdim=True)
    salient = interpolate(saliency.float(), maps.shape[2:], mode="nearest")
    confident = (strength > threshold).float()
    # Where background wins with little confidence, COCO's rule keeps its small value.
    background_weight = strength if background == "value" else confident
    value = torch.where(winner == maps.shape[1] - 1, background_weight * (1 - salient), confident * salient)
    return torch.zeros_like(scores).scatter_(1, winner, value)


def aligned_probabilities(maps: Tensor, boxes: Tensor, size: tuple[int, int], stride: int) -> Tensor:
    """What the global network says at the patches: its maps cut out there, softmax over channels.

    Args:
        maps: N x (K + 1) x H x W, scores of the views, any sign.
        boxes: R x 5: number of the view, x1, y1, x2, y2 in its pixels.
        size: h, w of the local maps, and so of the result R x (K + 1) x h x w in 0..1.
        stride: view size divided by map size.
    """
    cut = roi_align(maps.float(), boxes.float(), size, spatial_scale=1 / stride, sampling_ratio=-1, aligned=False)
    return cut.softmax(dim=1)
