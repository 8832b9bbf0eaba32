"""What a method declares about the bench of its training step: the published form of the step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn

from common.engine.losses import StepFunction

Batch = dict[str, Any]


class Form(NamedTuple):
    """A training step: what is trained, how, and on what."""

    network: nn.Module
    step: StepFunction
    batch: Batch


def noise_with_tags(count: int, side: int, n_classes: int) -> Batch:
    """Noise for images count x 3 x side x side and their tags: the time of a step does not depend on what is to be seen."""
    generator = torch.Generator().manual_seed(0)
    tags = (torch.rand(count, n_classes, generator=generator) < 0.1).float()
    return {"image": torch.randn(count, 3, side, side, generator=generator), "tags": tags}


def noise_with_labels(count: int, side: int, n_labels: int, stride: int = 1) -> Batch:
    """The same with label maps count x side/stride x side/stride."""
    size = (count, side // stride, side // stride)
    labels = torch.randint(0, n_labels, size, generator=torch.Generator().manual_seed(0))
    return {**noise_with_tags(count, side, n_labels - 1), "mask": labels}


@dataclass(frozen=True)
class StepBench:
    """What a method says about the bench of its training step.

    Attributes:
        published: this toolbox's form -> the published form of the same step: the same weights, the same losses.
        batch: (settings, number of classes) -> a made-up batch, so that no dataset is needed; None takes the first batch of
            the training's own data.
        n_classes: of the made-up batch.
    """

    published: Callable[[Form], Form] = lambda form: form
    batch: Callable[[Any, int], Batch] | None = None
    n_classes: int = 20
