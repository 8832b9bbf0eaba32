from __future__ import annotations

import math

import pytest

from common.engine.schedules import ScheduleConfig, annealing, build_schedule, decay_steps, step_decay
from common.errors import ConfigError


def factors(steps, max_steps=100, **config):
    schedule = build_schedule(ScheduleConfig(**config), max_steps)
    return [schedule(step) for step in steps]


def test_poly_is_a_power_of_what_is_left():
    assert factors([0, 50, 99]) == pytest.approx([1.0, 0.5**0.9, 0.01**0.9])
    assert factors([50], power=2.0) == pytest.approx([0.25])


def test_poly_is_constant_between_multiples_of_every():
    assert factors([0, 9, 10, 19, 20], every=10) == pytest.approx([1, 1, 0.9**0.9, 0.9**0.9, 0.8**0.9])


def test_step_multiplies_by_gamma_at_each_milestone():
    schedule = {"name": "step", "milestones": [10, 20], "gamma": 0.5}
    assert factors([0, 9, 10, 19, 20, 99], **schedule) == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_cosine_falls_from_one_to_zero_through_one_half():
    assert factors([0, 25, 50, 100], name="cosine") == pytest.approx([1, 0.5 * (1 + math.cos(math.pi / 4)), 0.5, 0])
    assert factors([19], name="cosine", every=20) == [1]


def test_constant_stays():
    assert factors([0, 99, 1000], name="constant") == [1, 1, 1]


def test_after_the_end_nothing_rises_again():
    assert factors([100, 150]) == [0, 0]
    assert factors([100, 150], name="cosine") == pytest.approx([0, 0])


@pytest.mark.parametrize(("every", "max_steps"), [(10, 25), (7, 20), (30, 20), (10, 20), (1, 3)])
def test_after_the_end_poly_keeps_the_rate_of_its_last_refresh(every, max_steps):
    # The published loop: at the end of iteration i the rate is set anew where i is a multiple, up to the last iteration.
    rate, published = 1.0, []
    for iteration in range(1, 3 * max_steps):
        published.append(rate)
        if iteration % every == 0 and iteration <= max_steps:
            rate = (1 - iteration / max_steps) ** 0.9
    assert factors(range(3 * max_steps - 1), max_steps, every=every) == pytest.approx(published)


def test_after_the_end_cosine_keeps_the_rate_of_its_last_refresh():
    assert factors([20, 24, 25, 30, 99], 25, name="cosine", every=10) == [factors([20], 25, name="cosine")[0]] * 5


def test_after_the_end_warmup_stays_and_an_annealed_weight_keeps_its_last_value():
    assert factors([5, 200], name="constant", warmup_steps=5) == [1, 1]
    assert [annealing(2, 4, step, 4) for step in (0, 2, 4, 9)] == [2, 3, 4, 4]


def test_warmup_rises_linearly_to_the_schedule():
    assert factors([0, 1, 3, 4, 5], name="constant", warmup_steps=5) == pytest.approx([0.2, 0.4, 0.8, 1, 1])
    assert factors([1], warmup_steps=5) == pytest.approx([0.4 * 0.99**0.9])
    assert factors([50], warmup_steps=5) == factors([50])


@pytest.mark.parametrize("config", [{"every": 0}, {"warmup_steps": -1}, {"name": "step"}])
def test_settings_that_make_no_schedule_are_errors(config):
    with pytest.raises(ConfigError, match="schedule"):
        ScheduleConfig(**config)


def test_a_shorter_schedule_keeps_its_last_rate():
    shorter = factors([0, 4, 5, 50], length=5)
    assert shorter == pytest.approx([1, 0.2**0.9, 0.2**0.9, 0.2**0.9])
    assert factors([0, 2], max_steps=5) == [1, pytest.approx(0.6**0.9)]


def test_the_rate_decays_at_the_start_of_each_decay_epoch():
    assert decay_steps([5, 8], 3) == [15, 24]


def test_a_decay_epoch_before_the_first_epoch_never_comes():
    assert decay_steps([5, 10, 11], 2, first_epoch=10) == [0, 2]


def test_the_rate_of_an_epoch_is_that_of_the_decay_epochs_up_to_it():
    factor = step_decay(decay_steps([5, 10], 3))
    per_epoch = [[factor(epoch * 3 + step) for step in range(3)] for epoch in (4, 5, 9, 10, 29)]
    assert per_epoch == [pytest.approx([share] * 3) for share in (1, 0.1, 0.1, 0.01, 0.01)]
