"""How long a method trains on photographs of which only the number is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Amount:
    """A training in passes over the images.

    Attributes:
        n_images: how many there are.
        passes: how often each is seen.
        most_steps: bound of every training, in optimiser steps.
    """

    n_images: int
    passes: float
    most_steps: int

    def steps(self, batch_size: int, share: float = 1.0) -> int:
        """Optimiser steps of a training that takes ``share`` of the passes."""
        return max(1, min(round(share * self.passes * self.n_images / batch_size), self.most_steps))

    def epochs(self, batch_size: int, share: float = 1.0) -> int:
        """The same in whole epochs, at least one."""
        return max(1, min(round(share * self.passes), self.most_steps * batch_size // self.n_images))


def steps_of_one_training(settings: Any, amount: Amount) -> Mapping[str, Any]:
    """The steps of a method with one training, in ``engine``."""
    return {"engine.max_steps": amount.steps(settings.engine.batch_size)}
