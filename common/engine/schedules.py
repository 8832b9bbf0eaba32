"""Learning-rate schedules as pure functions of the step, so that a resumed run needs no scheduler state."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from common.bounds import bounded, bounded_share, require_bounds
from common.errors import ConfigError

Schedule = Callable[[int], float]


@dataclass
class ScheduleConfig:
    """How the learning rate falls.

    Args:
        name: poly, step, cosine or constant.
        power: exponent of poly.
        every: poly and cosine change the rate only at multiples of this many steps (DeepLab's LR_DECAY).
        milestones: steps at which the step schedule multiplies the rate by gamma.
        gamma: factor of the step schedule.
        warmup_steps: steps over which the rate rises linearly from zero.
        length: steps over which poly and cosine fall, after which the rate keeps its last value; 0 for the whole training.
    """

    name: Literal["poly", "step", "cosine", "constant"] = "poly"
    power: float = bounded(0.9, least=0, most=100)
    every: int = bounded(1, least=1)
    milestones: list[int] = bounded([], least=0, ascending=True)
    gamma: float = bounded_share(0.1)
    warmup_steps: int = bounded(0, least=0)
    length: int = bounded(0, least=0)

    def __post_init__(self) -> None:
        require_bounds(self, "schedule")
        if self.name == "step" and not self.milestones:
            raise ConfigError("the step schedule needs schedule.milestones, e.g. [2000, 4000]")


def last_refresh(step: int, max_steps: int, every: int) -> int:
    """The step whose rate holds at ``step``: the last multiple of ``every``, of those up to ``max_steps``."""
    return min(step, max_steps) // every * every


def poly(max_steps: int, power: float = 0.9, every: int = 1) -> Schedule:
    """(1 - step / max_steps) ** power at multiples of ``every`` up to ``max_steps``, else unchanged (deeplabv2 spec, section 5)."""
    return lambda step: (1 - last_refresh(step, max_steps, every) / max_steps) ** power


def cosine(max_steps: int, every: int = 1) -> Schedule:
    """Half a cosine from 1 to 0 over ``max_steps``, at multiples of ``every`` up to there, else unchanged."""
    return lambda step: 0.5 * (1 + math.cos(math.pi * last_refresh(step, max_steps, every) / max_steps))


def up_to(length: int, schedule: Schedule) -> Schedule:
    """``schedule`` up to the last of ``length`` steps, then its value there (EPS's poly schedule, smaf spec, section 5)."""
    return lambda step: schedule(min(step, length - 1))


def step_decay(milestones: Sequence[int], gamma: float = 0.1) -> Schedule:
    """gamma ** (number of milestones reached)."""
    return lambda step: gamma ** sum(step >= milestone for milestone in milestones)


def decay_steps(decay_epochs: Sequence[int], steps_per_epoch: int, first_epoch: int = 0) -> list[int]:
    """Steps of a training at which its rate decays: the start of each decay epoch; those before its first never come."""
    return [(epoch - first_epoch) * steps_per_epoch for epoch in decay_epochs if epoch >= first_epoch]


def annealing(start: float, end: float, step: int, length: int) -> float:
    """A weight that goes from ``start`` to ``end`` in ``length`` equal steps and stays there."""
    return start + (end - start) * min(step, length) / length


def warmup(schedule: Schedule, steps: int) -> Schedule:
    """``schedule`` multiplied by a linear rise over the first ``steps`` steps."""
    return lambda step: schedule(step) * annealing(0, 1, step + 1, steps)


def build_schedule(config: ScheduleConfig, max_steps: int, decays_at: Sequence[int] = ()) -> Schedule:
    """Factor by which every group's initial learning rate is multiplied at a (0-based) step.

    Args:
        decays_at: steps at which it is multiplied by ``gamma`` besides, for recipes in epochs (see :func:`decay_steps`).
    """
    length = config.length or max_steps
    schedules: dict[str, Schedule] = {
        "poly": poly(length, config.power, config.every),
        "cosine": cosine(length, config.every),
        "step": step_decay(config.milestones, config.gamma),
        "constant": lambda step: 1.0,
    }
    schedule = schedules[config.name]
    if config.length:
        schedule = up_to(length, schedule)
    if decays_at:
        other, decay = schedule, step_decay(decays_at, config.gamma)

        def schedule(step: int) -> float:
            return other(step) * decay(step)

    return warmup(schedule, config.warmup_steps) if config.warmup_steps else schedule
