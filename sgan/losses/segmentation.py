"""DSRG's two losses in the form of the published PyTorch module (sgan spec, section 12): for a network on autograd.

The Caffe form that trains the published segmentation network, with its floors and the CRF's own gradient, lies with that
network. Here probabilities are a plain softmax, and the CRF's result is a constant.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from common.crf.inference import dense_crf
from common.crf.presets import crf_preset
from common.crf.unary import unary_from_negated

EPSILON = 1e-5
# The CRF sees the image at the size of the logits, about a twelfth of it in the field's networks.
CRF_SCALE = 12
# How far the CRF's opinion may be from the network's before it stops to matter.
RATIO_RANGE = (0.05, 20.0)


def balanced_seed_loss(logits: Tensor, seeds: Tensor) -> Tensor:
    """Mean log-probability over the background seeds, plus that over the foreground seeds, each per image.

    Args:
        logits: n x (C + 1) x h x w, background first.
        seeds: n x (C + 1) x h x w, 1 where a cell is a seed of the label. Images without seeds count 0 in the mean.
    """
    picked = seeds * logits.log_softmax(1)
    halves = [
        (picked[:, part].sum((1, 2, 3)) / (seeds[:, part].sum((1, 2, 3)) + EPSILON)).mean()
        for part in (slice(0, 1), slice(1, None))
    ]
    return -(halves[0] + halves[1])


def boundary_loss(images: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Divergence of the network's probabilities from what a dense CRF makes of them.

    Args:
        images: n x 3 x H x W in 0..255, without any mean subtracted.
        logits: n x (C + 1) x h x w.

    Returns:
        The loss, and the CRF's probabilities n x (C + 1) x h x w (without gradient).
    """
    probabilities = logits.softmax(1)
    refined = refine(images, probabilities.detach())
    ratio = (refined / probabilities).clamp(*RATIO_RANGE)
    return (refined * ratio.log()).sum(1).mean(), refined


def refine(images: Tensor, probabilities: Tensor) -> Tensor:
    """The CRF's probabilities; it takes the probabilities themselves as negative energies, as DSRG does."""
    small = functional.interpolate(images, probabilities.shape[2:], mode="bilinear", align_corners=True)
    colours = small.permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8)
    settings = crf_preset("sec").scaled(CRF_SCALE)
    refined = [
        dense_crf(colour, unary_from_negated(one), settings)
        for colour, one in zip(colours, probabilities.cpu().numpy(), strict=True)
    ]
    return torch.from_numpy(np.stack(refined)).to(probabilities)
