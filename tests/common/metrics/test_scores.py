"""Scores of a confusion matrix, by hand-counted examples."""

import math

import numpy as np
import pytest

from common.errors import ConfigError, DataError
from common.metrics.scores import compute_scores, published_json, restrict_truth

# Truth: 8 background, 4 of class 1, none of class 2. One pixel of class 1 has a prediction that is no label.
MATRIX = np.array([[6, 1, 1, 0], [1, 2, 0, 1], [0, 0, 0, 0]], np.int64)


def test_scores_of_a_small_matrix():
    scores = compute_scores(MATRIX)
    assert scores.pixel_accuracy == pytest.approx(8 / 12)
    assert scores.mean_accuracy == pytest.approx((6 / 8 + 2 / 4) / 2)
    assert scores.class_iou == pytest.approx((6 / 9, 2 / 5, 0))
    assert scores.mean_iou == pytest.approx((6 / 9 + 2 / 5) / 2)
    assert scores.frequency_weighted_iou == pytest.approx(8 / 12 * 6 / 9 + 4 / 12 * 2 / 5)


def test_false_rates_and_iou_of_a_class_add_up_to_one():
    scores = compute_scores(MATRIX)
    assert scores.class_false_positive_rate == pytest.approx((1 / 9, 1 / 5, 1))
    assert scores.class_false_negative_rate == pytest.approx((2 / 9, 2 / 5, 0))
    assert scores.false_positive_rate + scores.false_negative_rate + scores.mean_iou == pytest.approx(1)


def test_precision_and_recall_of_a_class_without_a_pixel_are_nan():
    scores = compute_scores(MATRIX)
    np.testing.assert_allclose(scores.class_precision, (6 / 7, 2 / 3, 0))
    np.testing.assert_allclose(scores.class_recall, (6 / 8, 2 / 4, np.nan))
    assert math.isnan(compute_scores(np.array([[3, 0], [2, 0]])).class_precision[1])


def test_a_class_that_is_only_predicted_enters_the_mean_only_if_asked():
    assert compute_scores(MATRIX, over="all").mean_iou == pytest.approx((6 / 9 + 2 / 5 + 0) / 3)
    assert compute_scores(MATRIX, over="present").mean_iou == pytest.approx((6 / 9 + 2 / 5) / 2)


def test_a_class_in_neither_map_is_nan_and_left_out_of_every_mean():
    matrix = np.diag([5, 3, 0]).astype(np.int64)
    scores = compute_scores(matrix, over="all")
    assert math.isnan(scores.class_iou[2])
    assert scores.mean_iou == scores.mean_accuracy == scores.frequency_weighted_iou == 1


def test_absent_classes_are_named():
    assert compute_scores(MATRIX, names=["background", "cat", "dog"]).absent == ("dog",)


def test_a_matrix_without_pixels_is_an_error():
    with pytest.raises(DataError, match="every pixel of the truth is ignored"):
        compute_scores(np.zeros((3, 4), np.int64))


def test_every_label_needs_a_name():
    with pytest.raises(DataError, match="2 names for 3 labels"):
        compute_scores(MATRIX, names=["cat", "dog"])


def test_an_unknown_mean_is_an_error():
    with pytest.raises(ConfigError, match="some"):
        compute_scores(MATRIX, over="some")


def test_restricted_truth_keeps_predictions_of_dropped_classes_as_errors():
    matrix = np.array([[5, 1, 2, 1], [4, 3, 0, 0], [2, 1, 6, 0]], np.int64)
    np.testing.assert_array_equal(restrict_truth(matrix, [0, 2]), [[5, 2, 2], [2, 6, 1]])


def test_restricted_truth_does_not_charge_pixels_of_dropped_classes_as_false_positives():
    matrix = np.array([[5, 0, 0], [100, 3, 0]], np.int64)
    assert compute_scores(restrict_truth(matrix, [0])).mean_iou == 1


def test_keeping_all_labels_changes_nothing():
    np.testing.assert_array_equal(restrict_truth(MATRIX, range(3)), MATRIX)


@pytest.mark.parametrize("labels", [[], [0, 0], [3], [-1]])
def test_labels_to_keep_must_be_distinct_labels(labels):
    with pytest.raises(ConfigError, match="distinct numbers in 0..2"):
        restrict_truth(MATRIX, labels)


def test_published_json_has_the_keys_of_deeplab():
    published = published_json(compute_scores(MATRIX))
    keys = {"Pixel Accuracy", "Mean Accuracy", "Mean IoU", "Frequency Weighted IoU", "Class IoU"}
    assert set(published) == keys
    assert published["Class IoU"] == {"0": pytest.approx(6 / 9), "1": pytest.approx(2 / 5), "2": 0}
