import random

import numpy as np
import pytest

from deeplabv2.samples import ColourDistortion, brightness, change_hsv, change_levels, contrast

IMAGE = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (9, 11, 3)).astype(np.uint8)


def test_levels_saturate_and_round_to_even():
    levels = np.array([[0, 5, 7, 200]], np.uint8)
    assert change_levels(levels, 1.5, -3.0).tolist() == [[0, 4, 8, 255]]


def test_a_hue_below_zero_becomes_red_and_does_not_wrap():
    # A red with a little green: hue 2 in half degrees.
    orange = np.full((1, 1, 3), (255, 17, 0), np.uint8)
    red, green, blue = change_hsv(orange, 0, 1.0, -18.0)[0, 0]
    assert (red, green, blue) == (255, 0, 0)


def test_without_saturation_an_image_is_grey():
    grey = change_hsv(IMAGE, 1, 0.0, 0.0)
    assert (grey == grey[..., :1]).all()


class Scripted(random.Random):
    """Draws that are given."""

    def __init__(self, order, fires, amount):
        super().__init__()
        self.order, self.fires, self.amount = order, iter(fires), amount

    def choice(self, orders):
        return orders[self.order]

    def random(self):
        return next(self.fires)

    def uniform(self, low, high):
        return low + self.amount * (high - low)


@pytest.mark.parametrize(("order", "fires"), [(0, (0, 0, 1, 1)), (1, (0, 1, 1, 0))])
def test_contrast_comes_second_or_last(order, fires):
    rng = Scripted(order, fires, 0.9)
    distorted = ColourDistortion()({"image": IMAGE, "id": "a"}, rng)["image"]
    np.testing.assert_array_equal(distorted, contrast(brightness(IMAGE, rng), rng))


def test_steps_that_do_not_fire_leave_the_image_as_it_is():
    sample = ColourDistortion()({"image": IMAGE}, Scripted(0, (0.5,) * 4, 0.9))
    np.testing.assert_array_equal(sample["image"], IMAGE)


def test_equal_random_states_distort_equally():
    first, second = (ColourDistortion()({"image": IMAGE}, random.Random(3))["image"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
