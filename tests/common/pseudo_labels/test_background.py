"""Background scores."""

import numpy as np
import pytest

from common.errors import ConfigError, DataError
from common.pseudo_labels.background import constant, power, saliency_mask, saliency_mean, saliency_score


def test_constant_is_the_threshold_everywhere():
    np.testing.assert_array_equal(constant(0.3, (2, 3)), np.full((2, 3), 0.3, np.float32))


def test_power_falls_with_the_largest_map():
    maps = np.array([[[0.0, 0.5]], [[0.25, 0.1]]], np.float16)
    np.testing.assert_allclose(power(maps, 4), [[0.75**4, 0.5**4]], rtol=1e-6)


def test_power_without_a_class_is_all_background():
    np.testing.assert_array_equal(power(np.zeros((0, 2, 3), np.float32), 4), np.ones((2, 3)))


@pytest.mark.parametrize("alpha", [0, -1, float("nan"), float("inf")])
def test_power_needs_a_positive_exponent(alpha):
    with pytest.raises(ConfigError, match="alpha"):
        power(np.zeros((1, 2, 2), np.float32), alpha)


@pytest.mark.parametrize("value", [1.5, np.nan])
def test_power_refuses_maps_that_are_not_normalised(value):
    with pytest.raises(DataError, match="normalise"):
        power(np.full((1, 2, 2), value, np.float32), 4)


def test_saliency_score_is_high_where_nothing_is_salient():
    scores = saliency_score(np.array([[0, 51, 255]], np.uint8))
    np.testing.assert_allclose(scores, [[1, 0.8, 0]], atol=1e-6)


def test_saliency_mask_counts_the_threshold_itself_as_background():
    mask = saliency_mask(np.array([[0, 51, 52, 255]], np.uint8), 0.2)
    np.testing.assert_array_equal(mask, [[np.inf, np.inf, -np.inf, -np.inf]])


def test_saliency_mask_splits_at_half_by_default():
    np.testing.assert_array_equal(saliency_mask(np.array([[127, 128]], np.uint8)), [[np.inf, -np.inf]])


def test_saliency_in_0_to_1_is_an_error():
    with pytest.raises(DataError, match="uint8"):
        saliency_score(np.zeros((2, 2), np.float32))


def test_a_saliency_threshold_in_grey_levels_is_an_error():
    with pytest.raises(ConfigError, match="between 0 and 1"):
        saliency_mask(np.zeros((2, 2), np.uint8), 128)


def test_a_map_exceeds_the_mean_score_exactly_where_its_mean_with_saliency_exceeds_the_threshold():
    saliency = np.array([[0, 64, 128, 255]], np.uint8)
    scores = saliency_mean(saliency, 0.5, weight=0.25)
    for value in (0.0, 0.4, 0.6, 0.9):
        means = 0.25 * saliency / 255 + 0.75 * value
        np.testing.assert_array_equal(value > scores, means > 0.5)


@pytest.mark.parametrize(("threshold", "weight"), [(1.5, 0.5), (0.5, 1.0), (0.5, -0.1), (np.nan, 0.5)])
def test_the_mean_needs_shares(threshold, weight):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        saliency_mean(np.zeros((2, 2), np.uint8), threshold, weight)
