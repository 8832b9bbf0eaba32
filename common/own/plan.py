"""How long to train on how many photographs."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from common.errors import ConfigError
from common.method.amount import Amount

# Fewer teach a network nothing that could be held against other images.
FEWEST = 10


class Plan(NamedTuple):
    """How much is done.

    Attributes:
        amount: length of the trainings of a method.
        classifier_steps, segmentation_steps: optimiser steps of 16 and of 12 images.
        crf: whether masks are refined.
    """

    amount: Amount
    classifier_steps: int
    segmentation_steps: int
    crf: bool


def plan_for(n_images: int) -> Plan:
    """Many passes over few photographs, few over many: minutes for 200 on two cores, an hour for 3,000.

    Raises:
        ConfigError: there are too few.
    """
    if n_images < FEWEST:
        raise ConfigError(
            f"{n_images} tagged photographs are too few to learn from; {FEWEST} are the least, 200 a start"
        )
    amount = Amount(n_images, min(24.0, max(4.0, 4800 / n_images)), 1200)
    segmentation = dataclasses.replace(amount, most_steps=2400)
    return Plan(amount, amount.steps(16), segmentation.steps(12), n_images <= 1000)
