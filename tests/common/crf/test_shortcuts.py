"""Shortcuts that are exact are exact; the one that is not says so."""

import numpy as np
import pytest

from common.crf import cpu_engine
from common.crf.cpu_engine import cpu_mean_field
from common.crf.presets import PRESETS
from common.crf.shortcuts import (
    all_labels,
    could_be_hopeless,
    leave_out_hopeless_labels,
    leave_out_unlikely_labels,
    merge_equal_labels,
)
from common.crf.unary import unary_from_labels

SETTINGS = PRESETS["cam"]
SIZE = (12, 14)
IMAGE = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)


def energies(n_labels, seed=0):
    return np.random.default_rng(seed).normal(0, 2, (n_labels, SIZE[0] * SIZE[1])).astype(np.float32)


def mean_field(unary):
    return cpu_mean_field([IMAGE], [unary.reshape(1, len(unary), *SIZE)], SETTINGS)[0][0]


@pytest.fixture
def no_shortcuts(monkeypatch):
    """``unary -> Q`` with every label computed."""

    def compute(unary):
        with monkeypatch.context() as patch:
            patch.setattr(cpu_engine, "reduce_labels", lambda unary, *_: all_labels(unary))
            return mean_field(unary)

    return compute


def test_equal_labels_are_computed_once():
    unary = energies(3)
    reduced = merge_equal_labels(unary[[0, 1, 0, 2, 1, 0]])
    np.testing.assert_array_equal(reduced.unary, unary)
    np.testing.assert_array_equal(reduced.counts, [3, 2, 1])
    np.testing.assert_array_equal(reduced.restore(reduced.unary), unary[[0, 1, 0, 2, 1, 0]])


def test_labels_that_differ_in_one_pixel_are_not_merged():
    unary = energies(1)[[0, 0]].copy()
    unary[1, 101] += 1e-3
    assert len(merge_equal_labels(unary).unary) == 2


def test_merged_labels_get_the_q_of_the_full_computation(no_shortcuts):
    unary = np.concatenate([energies(3), np.full((18, SIZE[0] * SIZE[1]), 11.5, np.float32)])
    np.testing.assert_allclose(mean_field(unary), no_shortcuts(unary), rtol=1e-4, atol=1e-7)


def test_hard_labels_cost_no_more_than_the_classes_present(monkeypatch, no_shortcuts):
    labels = np.random.default_rng(0).choice([0, 7, 12], SIZE)
    unary = unary_from_labels(labels, 21).reshape(21, -1)
    computed = []
    real = cpu_engine.compiled_mean_field
    monkeypatch.setattr(
        cpu_engine, "compiled_mean_field", lambda unary, *rest: computed.append(len(unary)) or real(unary, *rest)
    )
    q = mean_field(unary)
    assert computed == [4]
    np.testing.assert_allclose(q, no_shortcuts(unary), rtol=1e-4, atol=1e-7)


def test_labels_that_cannot_win_are_left_out_and_nothing_changes(no_shortcuts):
    unary = energies(4)
    unary[2] += 400
    assert could_be_hopeless(unary)
    support = np.full(unary.shape[1], 20, np.float32)
    assert leave_out_hopeless_labels(unary, support).source.tolist() == [0, 1, -1, 2]
    q = mean_field(unary)
    assert (q[2] == 0).all()
    np.testing.assert_allclose(q, no_shortcuts(unary), rtol=1e-5, atol=1e-7)


def test_a_label_that_the_kernels_could_lift_is_kept():
    unary = np.zeros((2, 5), np.float32)
    unary[1] = 95
    assert could_be_hopeless(unary)
    assert len(leave_out_hopeless_labels(unary, np.full(5, 6, np.float32)).unary) == 1
    assert len(leave_out_hopeless_labels(unary, np.full(5, 13, np.float32)).unary) == 2


def test_a_label_good_in_one_pixel_is_never_hopeless():
    unary = np.zeros((2, 5), np.float32)
    unary[1] = 500
    unary[1, 3] = 1
    assert not could_be_hopeless(unary)


def test_unlikely_labels_are_those_below_the_probability_everywhere():
    unary = np.full((3, 6), 10, np.float32)
    unary[0] = 0
    unary[2, 4] = 1
    assert leave_out_unlikely_labels(unary, 0.01).source.tolist() == [0, -1, 1]
    assert len(leave_out_unlikely_labels(unary, 1e-9).unary) == 3


def test_reductions_after_each_other_map_to_the_labels_of_the_first():
    unary = np.array([[0, 0], [500, 500], [1, 1], [1, 1]], np.float32)
    first = leave_out_unlikely_labels(unary, 1e-6)
    both = first.then(merge_equal_labels(first.unary))
    assert both.source.tolist() == [0, -1, 1, 1]
    np.testing.assert_array_equal(both.restore(both.unary), [[0, 0], [0, 0], [1, 1], [1, 1]])
