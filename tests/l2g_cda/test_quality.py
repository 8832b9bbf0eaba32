"""The published scores of a confusion matrix."""

import numpy as np
import pytest

from l2g_cda.quality import activation_thresholds, best_quality, cam_quality, counts_of, sweep_record


def test_counts_and_shares_of_a_matrix_by_hand():
    matrix = np.array([[6, 2, 0, 0], [1, 3, 0, 0], [0, 0, 0, 0]])
    hits, missed, false = counts_of(matrix)
    assert hits.tolist() == [6, 3, 0] and missed.tolist() == [2, 1, 0] and false.tolist() == [1, 2, 0]
    record = sweep_record(matrix, 0.3, "abc")
    np.testing.assert_allclose(list(record["IoU"].values()), [6 / 9, 3 / 6, np.nan])
    assert (record["Precision"], record["Recall"]) == (["0.86", "0.60", "nan"], ["0.75", "0.75", "nan"])


def test_an_absent_class_counts_zero_in_cam_quality_and_not_at_all_in_the_sweep():
    matrix = np.array([[6, 2, 0, 0], [1, 3, 0, 0], [0, 0, 0, 0]])
    assert cam_quality(matrix, 0.3).miou == pytest.approx(100 * (6 / 9 + 3 / 6) / 3)
    assert sweep_record(matrix, 0.3, "abc")["Mean IoU"] == pytest.approx((6 / 9 + 3 / 6) / 2)


def test_the_record_has_false_negatives_under_their_published_name():
    record = sweep_record(np.array([[6, 2, 0], [1, 3, 0]]), 0.3, ("background", "cat"))
    assert (record["TN"], record["FP"], record["Recall"]) == ([2, 1], [1, 2], ["0.75", "0.75"])


def test_over_and_under_activation_have_the_nearest_false_positives():
    def quality(threshold, hits, false):
        return cam_quality(np.array([[100 - false, false, 0], [100 - hits, hits, 0]]), threshold)

    sweep = [quality(0.1, 92, 35), quality(0.2, 90, 16), quality(0.3, 88, 10), quality(0.4, 70, 6)]
    assert best_quality(sweep).threshold == 0.3
    over, under = activation_thresholds(sweep)
    assert (over.threshold, under.threshold) == (0.2, 0.4)
