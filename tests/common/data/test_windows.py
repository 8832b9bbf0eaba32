"""Squares of images whose longer side is drawn: sizes, places, what lies beyond an image, and that a label map follows its image."""

import random

import numpy as np
import pytest
import torch

from common.data.windows import (
    LongSideSquare,
    cut,
    draw_window,
    long_side_size,
    resized_bicubic,
)


class Drawn(random.Random):
    """Draws the longer side and the mirror image that it is told, and the offsets at their greatest."""

    def __init__(self, side, mirrored):
        super().__init__(0)
        self.side, self.mirrored = side, mirrored

    def randint(self, low, high):
        assert low <= self.side <= high
        return self.side

    def random(self):
        return 0.1 if self.mirrored else 0.9

    def randrange(self, stop):
        return stop - 1


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [
        ((40, 60), 30, (20, 30)),
        ((60, 40), 30, (30, 20)),
        ((50, 50), 32, (32, 32)),
        ((3, 4), 2, (2, 2)),
        ((5, 4), 2, (2, 2)),
    ],
)
def test_the_longer_side_has_the_size_that_was_drawn_and_the_other_follows(size, side, expected):
    assert long_side_size(*size, side) == expected


def test_a_side_never_vanishes():
    assert resized_bicubic(np.zeros((2, 200), np.uint8), long_side_size(2, 200, 30)).shape == (1, 30)


def test_a_square_inside_an_image_begins_anywhere_in_it():
    windows = [draw_window(50, 40, 32, random.Random(seed)) for seed in range(200)]
    assert {window.square for window in windows} == {(0, 0)} and {window.size for window in windows} == {(32, 32)}
    tops, lefts = zip(*(window.image for window in windows), strict=True)
    assert (min(tops), max(tops), min(lefts), max(lefts)) == (0, 18, 0, 8)


def test_a_smaller_image_is_placed_anywhere_in_the_square():
    windows = [draw_window(20, 40, 32, random.Random(seed)) for seed in range(200)]
    tops = [window.square[0] for window in windows]
    assert (min(tops), max(tops)) == (0, 12) and {window.size for window in windows} == {(20, 32)}
    square = cut(torch.ones(1, 20, 40), windows[0], 32)
    assert square.sum() == 20 * 32 and square.shape == (1, 32, 32)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_label_map_shows_what_its_image_shows(mirrored):
    image, mask = np.zeros((40, 60, 3), np.uint8), np.zeros((40, 60), np.uint8)
    image[10:30, :20], mask[10:30, :20] = 255, 7
    made = LongSideSquare(32, [30, 90])({"id": "one", "image": image, "mask": mask}, Drawn(60, mirrored))
    assert made["id"] == "one" and made["mask"].dtype == torch.int64
    assert (made["mask"] == 7).any() == mirrored, "the square's left edge is column 28 of 60"
    assert torch.equal(made["image"][0] > 0, made["mask"] == 7)


def test_beyond_an_image_are_the_mean_colour_and_ignored_labels():
    sample = {"image": np.full((40, 60, 3), 255, np.uint8), "mask": np.ones((40, 60), np.uint8)}
    made = LongSideSquare(32, [24, 24])(sample, Drawn(24, False))
    inside = torch.zeros(32, 32, dtype=torch.bool)
    inside[16:, 8:] = True
    assert torch.equal(made["mask"] == 1, inside) and (made["mask"][~inside] == 255).all()
    assert (made["image"][:, ~inside] == 0).all() and (made["image"][:, inside] > 0).all()


def test_colours_change_before_the_square_is_cut_and_tags_become_a_tensor():
    sample = {"image": np.zeros((8, 8, 3), np.uint8), "tags": np.array([0, 1])}
    made = LongSideSquare(16, [8, 8], lambda image, rng: np.full_like(image, 255))(sample, random.Random(0))
    assert (made["image"][0] > 0).sum() == 64 and (made["image"][0] == 0).sum() == 16 * 16 - 64
    assert made["tags"].tolist() == [0.0, 1.0]
