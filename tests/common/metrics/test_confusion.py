"""Counting pixels by truth and prediction."""

import numpy as np
import pytest

from common.errors import DataError
from common.metrics import confusion
from common.metrics.confusion import confusion_matrix


def naive(truth, prediction, n_labels, ignore_label=255):
    matrix = np.zeros((n_labels, n_labels + 1), np.int64)
    for true, predicted in zip(truth.ravel().tolist(), prediction.ravel().tolist(), strict=True):
        if true != ignore_label:
            matrix[true, predicted if 0 <= predicted < n_labels else n_labels] += 1
    return matrix


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_matrix_equals_a_pixel_by_pixel_count(dtype):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 22, (37, 41))
    truth[truth == 21] = 255
    prediction = rng.integers(0, 25, (37, 41))
    matrix = confusion_matrix(truth.astype(dtype), prediction.astype(dtype), 21)
    assert matrix.dtype == np.int64
    np.testing.assert_array_equal(matrix, naive(truth, prediction, 21))


def test_rows_are_truth_and_columns_are_prediction():
    matrix = confusion_matrix(np.array([[1, 1, 1]]), np.array([[0, 0, 1]]), 2)
    np.testing.assert_array_equal(matrix, [[0, 0, 0], [2, 1, 0]])


def test_a_prediction_that_is_no_label_counts_as_error_of_the_true_class():
    truth = np.zeros((1, 4), np.uint8)
    prediction = np.array([[0, 255, 2, 200]], np.uint8)
    np.testing.assert_array_equal(confusion_matrix(truth, prediction, 2), [[1, 0, 3], [0, 0, 0]])


def test_a_negative_wide_prediction_counts_as_no_label():
    matrix = confusion_matrix(np.array([[0, 1]]), np.array([[-1, 300]]), 2)
    np.testing.assert_array_equal(matrix, [[0, 0, 1], [0, 0, 1]])


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_a_truth_value_outside_the_labels_is_an_error_that_names_it(dtype):
    with pytest.raises(DataError, match="label 21"):
        confusion_matrix(np.array([[0, 21, 255]], dtype), np.zeros((1, 3), dtype), 21)


def test_255_in_the_truth_is_an_error_when_another_label_is_ignored():
    with pytest.raises(DataError, match="label 255"):
        confusion_matrix(np.array([[0, 255]], np.uint8), np.zeros((1, 2), np.uint8), 2, ignore_label=0)


@pytest.mark.parametrize("ignore_label", [0, 1, 5, -1, 300])
def test_any_number_can_be_the_ignore_label(ignore_label):
    truth = np.array([[0, 1, 2, ignore_label]])
    prediction = np.array([[0, 2, 2, 1]])
    expected = naive(truth, prediction, 3, ignore_label)
    np.testing.assert_array_equal(confusion_matrix(truth, prediction, 3, ignore_label), expected)


def test_sizes_must_agree():
    with pytest.raises(DataError, match="truth is 3x4 but prediction is 4x3"):
        confusion_matrix(np.zeros((3, 4), np.uint8), np.zeros((4, 3), np.uint8), 2)


@pytest.mark.parametrize("wrong", [np.zeros((2, 2)), np.zeros((2, 2, 3), np.uint8)])
def test_probabilities_or_colours_are_not_a_label_map(wrong):
    with pytest.raises(DataError, match="expected integers height x width"):
        confusion_matrix(wrong, wrong, 2)


def test_number_of_labels_must_fit_8_bits():
    with pytest.raises(DataError, match="256"):
        confusion_matrix(np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8), 256)


def test_images_larger_than_a_float_can_count_are_counted_in_bands(monkeypatch):
    monkeypatch.setattr(confusion, "EXACT_PIXELS", 50)
    rng = np.random.default_rng(1)
    truth, prediction = rng.integers(0, 3, (2, 13, 17), np.uint8)
    np.testing.assert_array_equal(confusion_matrix(truth, prediction, 3), naive(truth, prediction, 3))


def test_arrays_with_strides_are_counted_like_copies():
    rng = np.random.default_rng(2)
    truth, prediction = rng.integers(0, 3, (2, 20, 20), np.uint8)
    expected = naive(truth[::2, ::-1], prediction.T[::2, ::-1], 3)
    np.testing.assert_array_equal(confusion_matrix(truth[::2, ::-1], prediction.T[::2, ::-1], 3), expected)
