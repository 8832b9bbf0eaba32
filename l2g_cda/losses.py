"""What the local network teaches the global one: targets, the aligned map, the losses (l2g_cda spec, section 3)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate, mse_loss, multilabel_soft_margin_loss
from torchvision.ops import roi_align

EPSILON = 1e-8

# What the target's background channel holds where background wins: an indicator (VOC) or the winning value (COCO).
BackgroundRule = Literal["indicator", "value"]


def local_target(
    maps: Tensor, tags: Tensor, saliency: Tensor, threshold: float, background: BackgroundRule = "indicator"
) -> Tensor:
    """The local maps as soft labels: the strongest tagged class of each pixel, weighted by saliency.

    The positive part of every map is divided by its maximum; maps of absent classes vanish; at each pixel the largest of
    the K classes and the background stays, among equal ones the first. A winner above ``threshold`` becomes the saliency
    (a class) or 1 - saliency (the background); elsewhere the target is 0 in all channels.

    Args:
        maps: R x (K + 1) x h x w scores of R patches, background last.
        tags: R x K, 0 or 1: the tags of the image each patch was cut from.
        saliency: R x 1 x H x W in 0..1; taken at h x w by nearest neighbour.
        threshold: in 0..1.
        background: see :data:`BackgroundRule`.

    Returns:
        R x (K + 1) x h x w in 0..1, without gradient.
    """
    scores = maps.detach().float().clamp(min=0)
    scores = scores / (scores.amax(dim=(2, 3), keepdim=True) + EPSILON)
    allowed = torch.cat([tags, tags.new_ones(len(tags), 1)], dim=1)
    scores = scores * allowed[:, :, None, None]
    strength, winner = scores.max(dim=1, keepdim=True)
    salient = interpolate(saliency.float(), maps.shape[2:], mode="nearest")
    background_channel = maps.shape[1] - 1
    is_background = winner == background_channel
    confident = (strength > threshold).float()
    # Where background wins with little confidence, COCO's rule keeps its small value.
    background_weight = strength if background == "value" else confident
    value = torch.where(is_background, background_weight * (1 - salient), confident * salient)
    return torch.zeros_like(scores).scatter_(1, winner, value)


def aligned_probabilities(maps: Tensor, boxes: Tensor, size: tuple[int, int], stride: int) -> Tensor:
    """What the global network says at the patches: its maps cut out there, softmax over channels.

    Args:
        maps: N x (K + 1) x H x W, scores of the views.
        boxes: R x 5: number of the view, x1, y1, x2, y2 in its pixels.
        size: h, w of the local maps.
        stride: view size divided by map size.

    Returns:
        R x (K + 1) x h x w in 0..1.
    """
    cut = roi_align(maps.float(), boxes.float(), size, spatial_scale=1 / stride, sampling_ratio=-1, aligned=False)
    return cut.softmax(dim=1)


def distillation_loss(probabilities: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference over patches, channels and pixels."""
    return mse_loss(probabilities, target)


def classification_loss(logits: Tensor, tags: Tensor) -> Tensor:
    """Multi-label soft margin: mean over classes, then over patches. Args: logits, tags: R x K."""
    return multilabel_soft_margin_loss(logits.float(), tags)
