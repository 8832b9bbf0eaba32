"""Unary energies."""

import math

import numpy as np
import pytest

from common.crf.unary import unary_from_labels, unary_from_negated, unary_from_probabilities
from common.errors import ConfigError, DataError


def test_small_probabilities_are_clipped():
    energies = unary_from_probabilities(np.array([[[0.0, 1e-7]], [[1.0, 0.5]]]))
    assert energies.dtype == np.float32
    expected = [[[-math.log(1e-5)] * 2], [[0, math.log(2)]]]
    np.testing.assert_allclose(energies, expected, rtol=1e-6, atol=1e-7)


def test_doubt_is_shared_by_the_other_labels():
    energies = unary_from_labels(np.array([[0, 2]]), 3, gt_prob=0.7)
    np.testing.assert_allclose(np.exp(-energies), [[[0.7, 0.15]], [[0.15, 0.15]], [[0.15, 0.7]]], rtol=1e-6)


def test_a_single_label_has_a_finite_energy():
    np.testing.assert_allclose(unary_from_labels(np.zeros((2, 2), np.uint8), 1), np.full((1, 2, 2), -math.log(0.7)))


def test_an_unknown_pixel_prefers_no_label():
    energies = unary_from_labels(np.array([[0, 1, 2]]), 2, gt_prob=0.9, zero_unsure=True)
    np.testing.assert_allclose(np.exp(-energies), [[[0.5, 0.9, 0.1]], [[0.5, 0.1, 0.9]]], rtol=1e-6)


@pytest.mark.parametrize("value", [-1, 3, 255])
def test_a_label_outside_the_range_is_an_error(value):
    with pytest.raises(DataError, match=f"label {value}"):
        unary_from_labels(np.array([[0, value]]), 3)


@pytest.mark.parametrize("gt_prob", [0, 1, 1.2])
def test_gt_prob_must_leave_some_doubt(gt_prob):
    with pytest.raises(ConfigError, match="gt_prob"):
        unary_from_labels(np.zeros((2, 2), np.uint8), 3, gt_prob)


def test_negated_values_are_taken_as_they_are():
    np.testing.assert_array_equal(unary_from_negated(np.array([[[0.25, -3.0]]])), [[[-0.25, 3]]])


@pytest.mark.parametrize("make", [unary_from_probabilities, unary_from_negated])
def test_nan_is_an_error(make):
    with pytest.raises(DataError, match="NaN"):
        make(np.full((2, 3, 3), np.nan))
