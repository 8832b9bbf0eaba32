"""What a method declares about the bench of its training step: the published form of the step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import nn

from common.engine.losses import StepFunction

Batch = dict[str, Any]


class Form(NamedTuple):
    """A training step: what is trained, how, and on what."""

    network: nn.Module
    step: StepFunction
    batch: Batch


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
