"""How long to train on how many photographs."""

from __future__ import annotations

import pytest

from common.errors import ConfigError
from common.own.plan import plan_for


def test_few_photographs_are_seen_often_and_many_seldom() -> None:
    assert plan_for(200).classifier_steps == 300
    assert plan_for(3137).classifier_steps == 784
    assert plan_for(20000).segmentation_steps == 2400


def test_too_few_are_refused() -> None:
    with pytest.raises(ConfigError, match="9 tagged photographs are too few"):
        plan_for(9)
