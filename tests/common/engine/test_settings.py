from __future__ import annotations

import dataclasses

import pytest

from common.engine.settings import FREE_TO_CHANGE, EngineConfig
from common.errors import ConfigError


@pytest.mark.parametrize("name", ["max_steps", "batch_size", "accumulate", "log_every", "save_every", "keep_last"])
def test_what_counts_something_is_at_least_one(name):
    with pytest.raises(ConfigError, match=rf"engine\.{name} is 0; give a whole number from 1 to "):
        EngineConfig(**{name: 0})


@pytest.mark.parametrize("name", ["seed", "workers", "stop_at", "clip_grad_norm"])
def test_nothing_is_negative(name):
    with pytest.raises(ConfigError, match=rf"engine\.{name} is -1; give a (whole )?number (from|at least) 0"):
        EngineConfig(**{name: -1})


@pytest.mark.parametrize(("stop_at", "end"), [(0, 100), (40, 40), (400, 100)])
def test_a_run_ends_at_stop_at_but_never_after_max_steps(stop_at, end):
    assert EngineConfig(max_steps=100, stop_at=stop_at).end_step == end


def test_what_may_change_exists():
    assert {f"engine.{field.name}" for field in dataclasses.fields(EngineConfig)} >= FREE_TO_CHANGE


def test_an_epoch_has_a_step_for_its_smaller_last_batch_unless_that_is_dropped():
    assert EngineConfig(batch_size=3).steps_per_epoch(10582) == 3528
    assert EngineConfig(batch_size=3, last_batch="drop").steps_per_epoch(10582) == 3527
    assert EngineConfig(batch_size=3, accumulate=4).steps_per_epoch(13) == 2


def test_trainings_of_one_run_share_the_wish_to_be_measured_and_nothing_else_of_their_precision():
    own = EngineConfig(precision="bf16")
    assert own.beside(EngineConfig(precision="auto")).precision == "auto"
    assert own.beside(EngineConfig(precision="fp32")).precision == "bf16"
    assert EngineConfig(precision="auto").known_precision == "fp32"
    assert own.known_precision == "bf16"
