"""Values of another kind than a map's are refused with what to do about them."""

import numpy as np
import pytest

from common.data.value_ranges import require_labels, require_logits, require_sums_of_one, require_unit_range
from common.errors import DataError

LOGITS = np.random.default_rng(0).normal(0, 3, (4, 5, 6)).astype(np.float32)
PROBABILITIES = np.exp(LOGITS) / np.exp(LOGITS).sum(0)


def check(values):
    require_unit_range(values, "a.npy", "probabilities", "Mend it.", "They are logits.")


@pytest.mark.parametrize(
    "values",
    [
        PROBABILITIES,
        PROBABILITIES.astype(np.float16),
        PROBABILITIES.astype(np.float64) + 1e-6,
        np.nextafter(np.ones((1, 1, 1), np.float16), np.float16(2)),
        np.array([0.0, 1.0 + 1e-6, -1e-6]),
        np.zeros((0, 3, 3)),
        np.array([True, False]),
    ],
)
def test_numbers_in_the_range_pass_whatever_their_precision(values):
    check(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (LOGITS, r"a.npy has values from -\d.* to \d.*; probabilities are 0 to 1. They are logits"),
        (LOGITS - LOGITS.min(), "They are logits"),
        (np.array([0.0, 1.01]), "from 0 to 1.01"),
        (np.array([-0.01, 1.0]), "from -0.01 to 1"),
        ((PROBABILITIES * 255).astype(np.uint8), "times 255: divide them by 255"),
        (PROBABILITIES * 255, "times 255: divide them by 255"),
        (np.array([0.5, np.nan]), "a.npy holds NaN or infinite values. Mend it"),
        (np.array([0.5, np.inf]), "NaN or infinite"),
        (np.array([0.5 + 1j]), "complex128 values, which are no real numbers"),
        (np.array(["0.5"]), "no real numbers"),
    ],
)
def test_others_are_an_error_that_says_what_they_look_like(values, message):
    with pytest.raises(DataError, match=message):
        check(values)


def test_probabilities_that_do_not_sum_to_one_are_an_error():
    require_sums_of_one(PROBABILITIES.astype(np.float16), "a.npy", "")
    with pytest.raises(DataError, match=r"a.npy has values that sum to 0.5\d* in a pixel"):
        require_sums_of_one(PROBABILITIES * 0.5, "a.npy", "")


def test_logits_are_any_numbers_that_are_not_plainly_probabilities():
    for values in (LOGITS, np.zeros((3, 2, 2)), LOGITS.astype(np.float16), np.ones((1, 2, 2)), np.full((3, 2, 2), 0.9)):
        require_logits(values, "a.npy", "")
    with pytest.raises(DataError, match="sum to 1: probabilities, no logits. Take the others"):
        require_logits(PROBABILITIES, "a.npy", "Take the others.")
    with pytest.raises(DataError, match="NaN or infinite"):
        require_logits(np.full((2, 2, 2), np.nan), "a.npy", "")


def test_labels_are_those_of_the_data_set_or_ignored():
    labels = np.array([[0, 4, 255]], np.uint8)
    require_labels(labels, "a.png", 5)
    require_labels(np.zeros((0, 3), np.uint8), "a.png", 5)
    require_labels(np.full((1, 2), 255, np.uint8), "a.png", 5)
    with pytest.raises(DataError, match="a.png has label 4; there are 4: 0 to 3, and 255 is ignored"):
        require_labels(labels, "a.png", 4)
