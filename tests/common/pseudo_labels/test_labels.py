"""Label maps from maps and background scores."""

import numpy as np
import pytest

from common.errors import DataError
from common.pseudo_labels.background import constant, saliency_mask
from common.pseudo_labels.labels import ignore_between, pseudo_label

KEYS = np.array([4, 1])
MAPS = np.array([[[0.1, 0.6, 0.3, 0.5]], [[0.2, 0.4, 0.9, 0.5]]], np.float16)


def test_the_strongest_class_above_the_background_wins():
    labels = pseudo_label(MAPS, KEYS, constant(0.25, (1, 4)))
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, [[0, 5, 2, 5]])


def test_ties_go_to_the_background():
    np.testing.assert_array_equal(pseudo_label(MAPS, KEYS, constant(0.5, (1, 4))), [[0, 5, 2, 0]])


def test_an_image_without_a_class_is_background():
    labels = pseudo_label(np.zeros((0, 2, 3), np.float16), np.zeros(0, np.int64), constant(0, (2, 3)))
    np.testing.assert_array_equal(labels, np.zeros((2, 3)))


def test_an_image_without_a_class_is_background_even_where_it_is_salient():
    salient = saliency_mask(np.full((2, 3), 255, np.uint8))
    labels = pseudo_label(np.zeros((0, 2, 3), np.float16), np.zeros(0, np.int64), salient)
    np.testing.assert_array_equal(labels, np.zeros((2, 3)))


def test_with_a_saliency_mask_every_salient_pixel_gets_its_strongest_class():
    saliency = np.array([[255, 0, 255, 255]], np.uint8)
    np.testing.assert_array_equal(pseudo_label(MAPS, KEYS, saliency_mask(saliency)), [[2, 0, 2, 5]])


def test_a_salient_pixel_gets_a_class_even_where_all_maps_are_zero():
    salient = saliency_mask(np.full((1, 4), 255, np.uint8))
    np.testing.assert_array_equal(pseudo_label(np.zeros_like(MAPS), KEYS, salient), [[5, 5, 5, 5]])


@pytest.mark.parametrize("keys", [[-1, 0], [0, 254]])
def test_class_numbers_out_of_range_are_an_error(keys):
    with pytest.raises(DataError, match="0-based"):
        pseudo_label(MAPS, np.array(keys), constant(0.5, (1, 4)))


def test_the_number_of_keys_must_be_the_number_of_maps():
    with pytest.raises(DataError, match="do not fit"):
        pseudo_label(MAPS, np.array([1]), constant(0.5, (1, 4)))


def test_sizes_must_agree():
    with pytest.raises(DataError, match="do not fit"):
        pseudo_label(MAPS, KEYS, constant(0.5, (4, 1)))


def test_nan_is_an_error():
    with pytest.raises(DataError, match="NaN"):
        pseudo_label(MAPS * np.float16(np.nan), KEYS, constant(0.5, (1, 4)))
    with pytest.raises(DataError, match="NaN"):
        pseudo_label(MAPS, KEYS, np.full((1, 4), np.nan, np.float32))


def test_pixels_between_two_thresholds_are_ignored():
    high = pseudo_label(MAPS, KEYS, constant(0.55, (1, 4)))
    low = pseudo_label(MAPS, KEYS, constant(0.25, (1, 4)))
    np.testing.assert_array_equal(ignore_between(high, low), [[0, 5, 2, 255]])


def test_two_thresholds_need_maps_of_one_size():
    with pytest.raises(DataError, match="one size"):
        ignore_between(np.zeros((1, 2), np.uint8), np.zeros((2, 1), np.uint8))
