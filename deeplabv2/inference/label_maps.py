"""Label maps from the scores of a network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from deeplabv2.networks.msc import enlarge

# 256 MiB of float32: a photograph of 12 million pixels takes a few labels at a time, images of usual size all at once.
ENLARGED_AT_ONCE = 1 << 26


def largest_label(scores: Tensor, size: Sequence[int], at_once: int = ENLARGED_AT_ONCE) -> Tensor:
    """The label whose enlarged score is largest; the first where two are equal.

    Args:
        scores: N x C x h x w, C at most 256.
        size: height and width of the label maps.
        at_once: numbers held at image size at a time.

    Returns:
        uint8, N x H x W.
    """
    pixels = scores.shape[0] * size[0] * size[1]
    step = max(1, at_once // pixels)
    best, labels = enlarge(scores[:, :step], size).max(1)
    labels = labels.to(torch.uint8)
    for first in range(step, scores.shape[1], step):
        more, which = enlarge(scores[:, first : first + step], size).max(1)
        higher = more > best
        labels[higher] = (which[higher] + first).to(torch.uint8)
        best = torch.maximum(best, more)
    return labels
