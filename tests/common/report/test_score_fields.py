from __future__ import annotations

import math

import numpy as np
import pytest

from common.metrics.scores import compute_scores
from common.report.record import score_fields

# Label 2 is predicted once and never true.
MATRIX = np.array([[6, 2, 0, 0], [1, 4, 1, 0], [0, 0, 0, 0]], dtype=np.int64)


def test_a_class_that_is_only_predicted_is_absent_and_the_fields_make_a_result(make_result):
    fields = score_fields(compute_scores(MATRIX, ["background", "ring", "disc"]))
    assert math.isnan(fields["class_iou"]["disc"])
    assert make_result(**fields).miou == pytest.approx(100 * (6 / 9 + 4 / 8) / 2)


def test_with_a_mean_over_all_classes_it_counts_as_zero(make_result):
    fields = score_fields(compute_scores(MATRIX, ["background", "ring", "disc"], over="all"), over="all")
    assert fields["class_iou"]["disc"] == 0
    assert make_result(**fields).miou == pytest.approx(100 * (6 / 9 + 4 / 8) / 3)
