"""Rows of floats in compiled functions."""

import numpy as np
import pytest

from common.compiling import compiled
from common.crf.row_vectors import lanes_of, lanes_of_softmax
from common.crf.rows import gather, new_row, read, scatter, softmax


@compiled
def softmax_of(values, counts, group, lanes):
    """In place, of rows of ``lanes`` that hold pixels of ``group`` elements each."""
    counts_row = new_row(lanes)
    read(counts_row, counts, np.uint32(0), lanes)
    for i in range(len(values)):
        softmax(values, np.uint32(i), counts_row, group, lanes)


@compiled
def move(values, to, of, gathered, scattered, lanes):
    """values[to] += scattered * (gathered + 1) * values[of]."""
    row = new_row(lanes)
    read(row, values, np.uint32(of), lanes)
    gather(row, gathered, values, np.uint32(of), lanes)
    scatter(values, np.uint32(to), scattered, row, lanes)


@pytest.mark.parametrize(("n_labels", "length"), [(1, 4), (4, 4), (5, 8), (8, 8), (9, 16), (21, 24), (182, 184)])
def test_rows_hold_all_labels_in_whole_vectors(n_labels, length):
    assert len(lanes_of(n_labels)) == length


@pytest.mark.parametrize("n_labels", [2, 4, 7, 21])
def test_softmax_is_that_of_numpy_to_a_few_units_in_the_last_place(n_labels):
    lanes = lanes_of(n_labels)
    scores = np.random.default_rng(0).normal(0, 8, (500, n_labels)).astype(np.float32)
    values = np.full((500, len(lanes)), -np.inf, np.float32)
    values[:, :n_labels] = scores
    wide = lanes_of_softmax(lanes)
    counts = np.zeros((len(wide) // len(lanes), len(lanes)), np.float32)
    counts[:, :n_labels] = 1
    softmax_of(values.reshape(-1, len(wide)), counts.reshape(1, -1), lanes, wide)
    exponentials = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(values[:, :n_labels], expected, rtol=5e-6, atol=1e-37)
    assert (values[:, n_labels:] == 0).all()


def test_an_element_stands_for_as_many_labels_as_its_count():
    values = np.array([[0, 1, -np.inf, -np.inf, 1, 0, -np.inf, -np.inf]], np.float32)
    softmax_of(values, np.array([[3, 1, 0, 0] * 2], np.float32), lanes_of(2), lanes_of_softmax(lanes_of(2)))
    np.testing.assert_allclose(values[0, :2], np.exp([0, 1]) / (3 + np.e), rtol=1e-6)
    np.testing.assert_allclose(values[0, 4:6], np.exp([1, 0]) / (3 * np.e + 1), rtol=1e-6)


@pytest.mark.parametrize("length", [4, 24])
def test_rows_are_gathered_and_scattered_with_weights(length):
    values = np.random.default_rng(1).normal(size=(3, length)).astype(np.float32)
    before = values.copy()
    move(values, 2, 0, np.float32(0.5), np.float32(2), (0,) * length)
    np.testing.assert_allclose(values[2], before[2] + 3 * before[0], rtol=1e-5)
    np.testing.assert_array_equal(values[:2], before[:2])
