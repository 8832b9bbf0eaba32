"""How sure a network is of its own label map."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from common.errors import DataError
from common.metrics.confidence import Confidence, confidence_of, read_confidence, write_confidence


def test_certain_probabilities_expect_full_overlap_and_have_no_entropy() -> None:
    scores = np.zeros((3, 20, 20), np.float32)
    scores[0, :10], scores[2, 10:] = 1, 1
    assert confidence_of(scores) == pytest.approx((0, 1), abs=1e-6)


def test_the_overlap_is_that_of_the_probabilities() -> None:
    scores = np.zeros((2, 10, 10), np.float32)
    scores[1, :5], scores[1, 5:] = 0.8, 0.2
    scores[0] = 1 - scores[1]
    # Object: 40 expected inside of 50 pixels, 10 expected outside; background alike.
    assert confidence_of(scores).expected_overlap == pytest.approx(40 / 60)
    bits = -(0.8 * np.log2(0.8) + 0.2 * np.log2(0.2))
    assert confidence_of(scores).entropy == pytest.approx(bits)


def test_equal_probabilities_have_full_entropy_whatever_their_sum() -> None:
    assert confidence_of(np.full((4, 8, 8), 0.5, np.float32)).entropy == pytest.approx(1)


def test_entropy_counts_where_objects_may_be() -> None:
    scores = np.full((2, 10, 10), 0.5, np.float32)
    scores[0, 1:], scores[1, 1:] = 1, 0
    assert confidence_of(scores).entropy == pytest.approx(1)


def test_a_file_keeps_both_numbers_and_another_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.confidence.json"
    write_confidence(file, Confidence(0.25, 0.5))
    assert read_confidence(file) == (0.25, 0.5)
    for content in (
        {"entropy": 0.1},
        [1],
        {"entropy": 2, "expected_overlap": 0.1},
        {"entropy": "a", "expected_overlap": 0},
    ):
        file.write_text(json.dumps(content))
        with pytest.raises(DataError, match="does not hold entropy and expected_overlap"):
            read_confidence(file)
