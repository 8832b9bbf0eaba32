"""What EPS and SMAF minimise: tags, saliency from the maps, fused attention maps (smaf spec, section 3)."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, mse_loss

from common.engine.losses import Losses, Mean
from common.method.plain_cam import classification_loss
from smaf.network import MapScores, ScoreNetwork
from smaf.prototypes import Teacher

# Added to every pixel of a map before its pixels are counted.
COUNT_EPSILON = 1e-4
MSE_FACTOR = 100.0


class SaliencyEstimate(NamedTuple):
    """Saliency as the class maps see it; all float32 N x 1 x h x w in 0..1.

    Attributes:
        foreground: sum of the maps of the salient classes.
        background: one minus the background's map and those of tagged classes that are not salient.
        saliency: the mixture of both that is compared with the target.
        target: the saliency map at the size of the maps, nearest neighbour.
    """

    foreground: Tensor
    background: Tensor
    saliency: Tensor
    target: Tensor


def estimate_saliency(maps: Tensor, saliency: Tensor, tags: Tensor, tau: float, lam: float) -> SaliencyEstimate:
    """EPS's estimate of saliency, all classes in one pass.

    A tagged class is salient where more than ``tau`` of its map's pixels lie in the salient region; other tagged classes join
    the background. The choice has no gradient, the maps have.

    Args:
        maps: N x (C + 1) x h x w, any sign, background last.
        saliency: N x 1 x H x W in 0..1.
        tags: N x C, 0 or 1.
        tau: share, 0..1.
        lam: weight of the foreground's estimate against the background's.
    """
    probabilities = maps.float().softmax(1)
    classes, background = probabilities[:, :-1], probabilities[:, -1]
    target = interpolate(saliency.float(), maps.shape[2:], mode="nearest")
    with torch.no_grad():
        covered, salient = classes.round(), target.round()[:, 0]
        inside = torch.einsum("nchw,nhw->nc", covered, salient)
        n_pixels = maps.shape[2] * maps.shape[3]
        share = inside / (covered.sum(dim=(2, 3)) + COUNT_EPSILON * n_pixels)
        tagged = tags > 0
        is_salient = (tagged & (share > tau)).float()
        is_other = (tagged & (share <= tau)).float()
    foreground = torch.einsum("nchw,nc->nhw", classes, is_salient)
    away = background + torch.einsum("nchw,nc->nhw", classes, is_other)
    estimate = lam * foreground + (1 - lam) * (1 - away)
    return SaliencyEstimate(foreground[:, None], 1 - away[:, None], estimate[:, None], target)


def saliency_loss(maps: Tensor, saliency: Tensor, tags: Tensor, tau: float, lam: float) -> Tensor:
    """Mean squared difference of EPS's estimate and the saliency map; arguments as for :func:`estimate_saliency`."""
    estimate = estimate_saliency(maps, saliency, tags, tau, lam)
    return mse_loss(estimate.saliency, estimate.target)


def tagged_attention(attention: Tensor, tags: Tensor) -> Tensor:
    """Denoised: maps N x C x h x w in 0..1, zero where a class is not among the tags N x C (0 or 1)."""
    return attention * tags[:, :, None, None]


def salient_attention(denoised: Tensor, saliency: Tensor, weight: float) -> Tensor:
    """The maps with their strongest replaced by its weighted mean with saliency, the others in proportion.

    Args:
        denoised: N x C x h x w in 0..1.
        saliency: N x 1 x H x W in 0..1.
        weight: of saliency, 0..1.
    """
    strongest = denoised.amax(1, keepdim=True)
    target = interpolate(saliency.float(), denoised.shape[2:], mode="bilinear", align_corners=True)
    mean = weight * target + (1 - weight) * strongest
    return denoised / strongest.clamp_min(torch.finfo(denoised.dtype).tiny) * mean


def attention_target(denoised: Tensor, background: Tensor | float) -> Tensor:
    """Reactivated: the background's score as last channel, then every pixel divided by its largest value.

    Args:
        denoised: N x C x h x w in 0..1.
        background: score of the background in 0..1, one for all (published 0.2) or N x 1 x h x w.

    Returns:
        N x (C + 1) x h x w in 0..1. It need not sum to 1; ties leave several ones.
    """
    size = (len(denoised), 1, *denoised.shape[2:])
    floor = denoised.new_full(size, background) if isinstance(background, float) else background
    scores = torch.cat([denoised, floor], 1)
    # A rectified pixel may have no score at all, and stays zero.
    return scores / scores.amax(1, keepdim=True).clamp_min(torch.finfo(scores.dtype).tiny)


def probabilities_at(maps: Tensor, size: torch.Size) -> Tensor:
    """The softmax N x K x h' x w' of maps N x K x h x w of any sign, brought to ``size`` before it, corners aligned."""
    return interpolate(maps.float(), size, mode="bilinear", align_corners=True).softmax(1)


def self_training_loss(maps: Tensor, target: Tensor) -> Tensor:
    """100 times the mean squared difference of the maps' softmax and the target N x K x h x w (0..1)."""
    return MSE_FACTOR * mse_loss(probabilities_at(maps, target.shape[2:]), target)


class EpsStep:
    """``(network, batch) -> losses`` of the CAM baseline and of EPS.

    The batch holds ``image`` (N x 3 x S x S), ``tags`` (N x C) and, for EPS, ``saliency`` (N x 1 x S x S, 0..1).
    """

    def __init__(self, with_saliency: bool, tau: float, lam: float) -> None:
        self.with_saliency, self.tau, self.lam = with_saliency, tau, lam

    def __call__(self, network: nn.Module, batch: dict[str, Any]) -> Losses:
        scores = cast(MapScores, network(batch["image"]))
        losses: dict[str, Tensor | Mean] = {"classification": classification_loss(scores.logits.float(), batch["tags"])}
        if self.with_saliency:
            losses["saliency"] = saliency_loss(scores.maps, batch["saliency"], batch["tags"], self.tau, self.lam)
        return losses


class SelfTrainingStep:
    """``(network, batch) -> losses`` of SMAF.

    The batch holds ``image`` (N x 3 x S x S), ``tags`` (N x C) and ``attention`` (N x C x S/4 x S/4, 0..1, fused maps).

    Args:
        background: score of the background in the targets, 0..1.
        saliency_weight: of saliency in the foreground of the targets; 0 for the published code, and then no saliency is needed.
        rectified: the network, whose teacher rectifies the targets; None for the published code, in which prototypes have no
            effect.
    """

    def __init__(self, background: float, saliency_weight: float = 0.0, rectified: ScoreNetwork | None = None) -> None:
        self.background, self.saliency_weight, self.rectified = background, saliency_weight, rectified

    def __call__(self, network: nn.Module, batch: dict[str, Any]) -> Losses:
        attention = tagged_attention(batch["attention"].float(), batch["tags"])
        if self.saliency_weight:
            attention = salient_attention(attention, batch["saliency"], self.saliency_weight)
        if self.rectified is None:
            target = attention_target(attention, self.background)
        else:
            teacher = cast(Teacher, self.rectified.teacher)
            weights = teacher.weights(self.rectified, batch["image"], batch["tags"], attention.shape[2:])
            target = attention_target(attention * weights[:, :-1], self.background * weights[:, -1:])
        scores = cast(MapScores, network(batch["image"]))
        return {"attention": self_training_loss(scores.maps, target)}
