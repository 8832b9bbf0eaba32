"""How a step function hands its losses to the training loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class Mean:
    """A loss as sum and count, so that its mean is exact over all processes of a batch.

    The mean over valid pixels differs from the mean of the processes' means whenever the processes hold different
    numbers of ignored pixels; with the sum and the count, N processes compute what one would.

    Attributes:
        total: scalar sum with gradient.
        count: what to divide by (pixels, images, ...); a scalar tensor or a number.
    """

    total: torch.Tensor
    count: torch.Tensor | float


# The entry of a batch that says how far the training is: the share of its steps that are done, for weights that change with it.
PROGRESS = "progress"
# (model, batch) -> named losses; a plain scalar tensor is a mean over the images of the batch.
Losses = Mapping[str, torch.Tensor | Mean]
StepFunction = Callable[[nn.Module, dict[str, Any]], Losses]


def as_means(losses: Losses, n_images: int) -> dict[str, Mean]:
    """Every loss as sum and count; a plain scalar counts once per image."""
    return {
        name: loss if isinstance(loss, Mean) else Mean(loss * n_images, float(n_images))
        for name, loss in losses.items()
    }
