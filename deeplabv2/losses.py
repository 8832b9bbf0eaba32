"""Losses over the maps of the pyramid (deeplabv2 spec, sections 3 and 4.4).

Every term is a sum and a count (:class:`common.engine.losses.Mean`), so that several processes compute what one would. A
term without a single pixel counts 0 and has a zero gradient, where the published code divides 0 by 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from common.data.palette import IGNORE_LABEL
from common.engine.losses import Mean
from common.errors import ConfigError
from deeplabv2.enlarged_loss import enlarged_cross_entropy
from deeplabv2.resize import enlarge_maps, resize_labels

LossName = Literal["ce", "balanced_ce", "focal", "self_training"]


def cross_entropy(logits: Tensor, labels: Tensor, ignore_label: int = IGNORE_LABEL) -> Mean:
    """Mean cross-entropy over the pixels whose label is not ``ignore_label``.

    Args:
        logits: N x C x h x w; enlarged to the labels' size.
        labels: int64, N x H x W.
    """
    if logits.shape[2:] == labels.shape[1:]:
        total = functional.cross_entropy(logits.float(), labels, ignore_index=ignore_label, reduction="sum")
    else:
        total = enlarged_cross_entropy(logits, labels, ignore_label)
    return Mean(total, (labels != ignore_label).sum())


def balanced_cross_entropy(logits: Tensor, labels: Tensor, ignore_label: int = IGNORE_LABEL) -> tuple[Mean, Mean]:
    """Half the mean cross-entropy over background pixels and half that over foreground pixels (CLIMS, DSRG).

    Logits N x C x h x w, labels int64 N x h x w. Where one has no pixel its half is 0; the other keeps its weight.
    """
    pixels = functional.cross_entropy(logits.float(), labels, ignore_index=ignore_label, reduction="none")
    background = labels == 0
    foreground = ~background & (labels != ignore_label)
    terms = [Mean(0.5 * (pixels * where).sum(), where.sum()) for where in (background, foreground)]
    return terms[0], terms[1]


def focal_loss(logits: Tensor, labels: Tensor, gamma: float = 0.0, ignore_label: int = IGNORE_LABEL) -> Mean:
    """Sum of (1 - p)^gamma x cross-entropy over valid pixels, divided by the number of *all* pixels (L2G+CDA thesis).

    p is the probability of the label. With gamma 0 this is cross-entropy that shrinks with the share of ignored pixels.
    """
    pixels = functional.cross_entropy(logits.float(), labels, ignore_index=ignore_label, reduction="none")
    if gamma:
        # The lower bound keeps the gradient of a power below 1 finite at p = 1.
        pixels = (-torch.expm1(-pixels)).clamp(min=1e-12) ** gamma * pixels
    return Mean(pixels.sum(), float(labels.numel()))


def self_training_labels(logits: Tensor, present: Tensor, multiply: bool = False) -> Tensor:
    """The labels the network gives itself when only the classes of the image are allowed (DRS).

    Args:
        logits: N x C x h x w.
        present: 0/1, N x C, background included.
        multiply: as published, multiply logits by ``present`` instead of masking them: an absent class, at 0, then wins
            where every present class is negative.

    Returns:
        int64, N x h x w.
    """
    allowed = present[:, :, None, None].to(logits.device)
    scores = logits.detach() * allowed if multiply else logits.detach().masked_fill(allowed == 0, -torch.inf)
    return scores.argmax(1)


# (logits N x C x h x w, labels int64 N x H x W to whose size they are enlarged, tags 0/1 N x (C - 1) or None) -> terms by a
# suffix of the map's name.
MapLoss = Callable[[Tensor, Tensor, Tensor | None], dict[str, Mean]]


def map_loss(
    name: LossName, focal_gamma: float = 0.0, multiply: bool = False, ignore_label: int = IGNORE_LABEL
) -> MapLoss:
    """The loss of one map; the means of its terms are added up. ``focal_gamma`` and ``multiply`` are those of :func:`focal_loss` and
    :func:`self_training_labels`; the latter needs tags.
    """

    def self_training(logits: Tensor, labels: Tensor, tags: Tensor | None) -> dict[str, Mean]:
        if tags is None:
            raise ConfigError("loss.name self_training needs the tags of the images, and the batch has none")
        present = torch.cat([torch.ones_like(tags[:, :1]), tags], dim=1)
        logits = at_size_of(labels, logits)
        own = self_training_labels(logits, present, multiply)
        return {"": cross_entropy(logits, labels, ignore_label), "_own": cross_entropy(logits, own, ignore_label)}

    def balanced(logits: Tensor, labels: Tensor, tags: Tensor | None) -> dict[str, Mean]:
        background, foreground = balanced_cross_entropy(at_size_of(labels, logits), labels, ignore_label)
        return {"_background": background, "_foreground": foreground}

    losses: dict[LossName, MapLoss] = {
        "ce": lambda logits, labels, tags: {"": cross_entropy(logits, labels, ignore_label)},
        "focal": lambda logits, labels, tags: {
            "": focal_loss(at_size_of(labels, logits), labels, focal_gamma, ignore_label)
        },
        "balanced_ce": balanced,
        "self_training": self_training,
    }
    return losses[name]


def at_size_of(labels: Tensor, logits: Tensor) -> Tensor:
    """Logits N x C x h x w, any sign, at the size of labels N x H x W."""
    size = labels.shape[1:]
    return logits if logits.shape[2:] == size else enlarge_maps(logits, size)


def pyramid_losses(
    maps: Sequence[Tensor],
    labels: Tensor,
    loss: MapLoss,
    at_image_size: bool = False,
    tags: Tensor | None = None,
) -> dict[str, Mean]:
    """The terms of every map, which the loop adds up.

    Args:
        maps: logits N x C x h_k x w_k.
        labels: int64, N x H x W.
        at_image_size: enlarge the logits to the labels' size instead of reducing the labels to each map's size.
        tags: 0/1, N x (C - 1), for the self-training loss.
    """
    losses: dict[str, Mean] = {}
    for number, logits in enumerate(maps):
        terms = loss(logits, labels if at_image_size else resize_labels(labels, logits.shape[2:]), tags)
        losses |= {f"map{number}{suffix}": term for suffix, term in terms.items()}
    return losses
