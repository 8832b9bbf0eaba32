from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from common.engine.randomness import seed_everything


def draw(*arguments):
    seed_everything(*arguments)
    return random.random(), np.random.rand(), torch.rand(1).item()


def test_equal_arguments_give_equal_draws_from_every_library():
    assert draw(1, 2, 3) == draw(1, 2, 3)


@pytest.mark.parametrize("other", [(2, 2, 3), (1, 3, 3), (1, 2, 4), (12, 3, 0), (0, 12, 3)])
def test_seed_step_and_process_each_change_every_draw(other):
    assert all(a != b for a, b in zip(draw(1, 2, 3), draw(*other), strict=True))
