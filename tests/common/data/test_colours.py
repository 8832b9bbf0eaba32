"""Colour jitter."""

import random

import numpy as np
import pytest
from PIL import Image
from torchvision.transforms import functional

from common.data.colours import ColourConfig, jitter_colours, turn_hue
from common.errors import ConfigError

NO_JITTER = (0.0, 0.0, 0.0, 0.0)
IMAGE = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)


def test_no_strength_changes_nothing_and_draws_nothing():
    rng = random.Random(0)
    np.testing.assert_array_equal(jitter_colours(IMAGE, NO_JITTER, rng), IMAGE)
    assert rng.random() == random.Random(0).random()


def test_colours_change_with_the_random_state():
    strength = (0.3, 0.3, 0.3, 0.1)
    first, again, other = (jitter_colours(IMAGE, strength, random.Random(seed)) for seed in (0, 0, 1))
    assert (first == again).all() and (first != other).any()


@pytest.mark.parametrize("strength", [(0.3, 0.3, 0.3, 0.1), (0.5, 0.0, 1.0, 0.5), (0.0, 0.0, 0.9, 0.2)])
@pytest.mark.parametrize("seed", range(6))
def test_changes_are_torchvision_s_by_factors_drawn_first_and_in_an_order_drawn_then(strength, seed):
    changes = [
        (functional.adjust_brightness, 1.0),
        (functional.adjust_contrast, 1.0),
        (functional.adjust_saturation, 1.0),
        (functional.adjust_hue, 0.0),
    ]
    rng = random.Random(seed)
    steps = [
        (adjust, rng.uniform(centre - amount, centre + amount))
        for (adjust, centre), amount in zip(changes, strength, strict=True)
        if amount
    ]
    rng.shuffle(steps)
    expected = Image.fromarray(IMAGE)
    for adjust, factor in steps:
        expected = adjust(expected, factor)
    own = random.Random(seed)
    np.testing.assert_array_equal(jitter_colours(IMAGE, strength, own), expected)
    assert own.random() == rng.random()


def test_a_third_of_the_circle_turns_red_into_green():
    red = Image.new("RGB", (2, 2), (255, 0, 0))
    third = np.asarray(turn_hue(red, 1 / 3))[0, 0]
    assert third[1] > 250 and third[0] < 10


@pytest.mark.parametrize("jitter", [(0.3, 0.3, 0.3, 0.6), (1.1, 0, 0, 0), (-0.1, 0, 0, 0)])
def test_impossible_strengths_are_refused(jitter):
    with pytest.raises(ConfigError, match="jitter is"):
        ColourConfig(jitter)
