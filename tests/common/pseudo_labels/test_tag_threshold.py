"""The threshold from tags alone on maps whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from common.errors import DataError
from common.pseudo_labels.tag_threshold import STEPS, best_split, explained_shares, explained_variance

THRESHOLDS = np.arange(5, 95, 5, dtype=np.float32) / np.float32(100)
RED, BLUE = (200, 30, 30), (30, 30, 200)


def picture(object_columns):
    """20 x 20: red in the first columns, blue elsewhere."""
    image = np.full((20, 20, 3), BLUE, np.uint8)
    image[:, :object_columns] = RED
    return image


def falling():
    """A map that falls evenly from 0.975 in the first column to 0.025 in the last."""
    return np.tile(np.linspace(0.975, 0.025, 20, dtype=np.float32), (20, 1))


def chosen(maps, images, colours=True):
    total = sum(explained_shares(one, image, THRESHOLDS) for one, image in zip(maps, images, strict=True))
    return best_split(total, THRESHOLDS, colours)


def test_maps_of_two_values_are_split_between_them():
    strongest = np.where(np.arange(20) < 6, np.float32(0.8), np.float32(0.3)) * np.ones((20, 1), np.float32)
    assert chosen([strongest], [picture(6)]).best == pytest.approx(0.3)


@pytest.mark.parametrize(("object_columns", "expected"), [(5, 0.6), (10, 0.5), (14, 0.4)])
def test_where_the_object_ends_the_colours_pull_the_threshold_there(object_columns, expected):
    found = chosen([falling()], [picture(object_columns)])
    scores_alone = chosen([falling()], [picture(object_columns)], colours=False)
    assert scores_alone.best == pytest.approx(0.5)
    edge = 1 - object_columns / 20
    assert found.best == pytest.approx(expected, abs=0.16)
    assert abs(found.best - edge) <= abs(0.5 - edge) + 1e-6
    assert (found.best - 0.5) * (edge - 0.5) >= 0
    assert np.argmax(found.of_colours) == np.argmin(np.abs(THRESHOLDS - edge))


def test_the_shares_are_those_of_the_definition():
    rng = np.random.default_rng(0)
    strongest, image = rng.random((9, 7), np.float32), rng.integers(0, 256, (9, 7, 3), np.uint8)
    shares = explained_shares(strongest, image, THRESHOLDS)
    for values, found in zip((strongest[..., None], image), shares[:-1].reshape(2, -1) / STEPS, strict=True):
        flat = values.reshape(63, -1).astype(np.float64)
        for threshold, share in zip(THRESHOLDS, found, strict=True):
            above = (strongest > threshold).ravel()
            between = sum(
                part.sum() * ((flat[part].mean(0) - flat.mean(0)) ** 2).sum() for part in (above, ~above) if part.any()
            )
            assert share == pytest.approx(between / ((flat - flat.mean(0)) ** 2).sum(), abs=1e-9)


def test_sums_are_the_same_to_the_bit_in_any_order():
    rng = np.random.default_rng(1)
    images = [(rng.random((8, 8), np.float32), rng.integers(0, 256, (8, 8, 3), np.uint8)) for _ in range(40)]
    shares = [explained_shares(*one, THRESHOLDS) for one in images]
    forward, backward = sum(shares), sum(reversed(shares))
    np.testing.assert_array_equal(forward, backward)
    assert best_split(forward, THRESHOLDS) == best_split(backward, THRESHOLDS)


def test_an_empty_region_and_a_picture_of_one_colour_explain_nothing():
    level = np.array([3, 3, 3])
    np.testing.assert_array_equal(explained_variance(level, 4, np.ones((3, 1))), np.zeros(3))
    np.testing.assert_array_equal(explained_variance(level, 4, np.array([[1.0], [2.0], [3.0]])), np.zeros(3))


def test_maps_without_an_object_are_said_to_have_none():
    total = explained_shares(np.zeros((4, 4), np.float32), picture(5)[:4, :4], THRESHOLDS)
    with pytest.raises(DataError, match="no threshold splits the class activation maps.*labels.choose_threshold fixed"):
        best_split(total, THRESHOLDS)


def test_maps_of_another_size_than_the_image_are_refused():
    with pytest.raises(DataError, match=r"the maps are \(4, 4\) but the image is \(20, 20\)"):
        explained_shares(np.zeros((4, 4), np.float32), picture(5), THRESHOLDS)
