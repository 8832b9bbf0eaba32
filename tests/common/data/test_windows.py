"""Drawn longer sides and squares that partly cover an image."""

import random

import numpy as np
import pytest
import torch

from common.data.windows import cut, draw_window, long_side_size, resized_bicubic, resized_nearest, top_left_window


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


def test_a_square_at_the_top_left_keeps_what_it_covers_and_fills_the_rest():
    labels = torch.arange(6).reshape(2, 3)
    assert cut(labels, top_left_window(2, 3, 2), 2, fill=255).tolist() == [[0, 1], [3, 4]]
    assert cut(labels, top_left_window(2, 3, 4), 4, fill=255)[1:].tolist() == [[3, 4, 5, 255], [255] * 4, [255] * 4]


def test_label_maps_are_resized_without_new_labels():
    labels = np.array([[0, 9], [255, 3]], np.uint8)
    assert resized_nearest(labels, (4, 4)).tolist() == labels.repeat(2, 0).repeat(2, 1).tolist()
