"""The loss of the optional second training on predicted label maps (``train-f``; sgan spec, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from common.engine.losses import Mean

# What the logits of present labels gain before the argmax.
BONUS = 20.0


def self_labels(logits: Tensor, labels: Tensor) -> Tensor:
    """The network's own labels, those in the image's label map preferred.

    Args:
        logits: N x C x h x w.
        labels: int64, N x h x w; the value C stands for unlabelled, and is not present (the published code fails on it).

    Returns:
        int64, N x h x w.
    """
    channels = torch.arange(logits.shape[1], device=labels.device)
    present = (labels.flatten(1)[:, :, None] == channels).any(1)
    return (logits.detach() + BONUS * present[:, :, None, None]).argmax(1)


def retrain_losses(logits: Tensor, labels: Tensor) -> dict[str, Mean]:
    """Cross-entropy against the labels (unlabelled cells do not count) and against :func:`self_labels`, weight 1 each."""
    logits = logits.float()
    n_labels = logits.shape[1]
    given = functional.cross_entropy(logits, labels, ignore_index=n_labels, reduction="sum")
    own = functional.cross_entropy(logits, self_labels(logits, labels), reduction="sum")
    return {"labels": Mean(given, (labels != n_labels).sum()), "own": Mean(own, float(labels.numel()))}
