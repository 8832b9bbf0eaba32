"""Scores of seeds (22 classes) and of segmentations (21 classes) equal the published evaluator's."""

import re

import numpy as np
import pytest

from common.metrics.confusion import confusion_matrix
from common.metrics.scores import compute_scores
from sgan.evaluation import precision_and_recall
from tests.parity.fill import filled_input
from tests.parity.sgan_cases import CASES, assert_close, cases, expected

N_LABELS = 21


def pair(rule):
    """Ground truth and prediction of an image's rule."""
    name, height, width = re.search(r"gt: filled_input\('(\w+):gt\d', \((\d+),(\d+)\)", rule).groups()
    number = re.search(r":gt(\d)", rule)[1]
    n_predicted = int(re.search(r"pr\d', same, 0, (\d+)", rule)[1])
    size = (int(height), int(width))
    truth = filled_input(f"{name}:gt{number}", size, 0, N_LABELS)
    truth[truth == 13] = 255
    prediction = filled_input(f"{name}:pr{number}", size, 0, n_predicted)
    right = (filled_input(f"{name}:k{number}", size, 0, 3) > 0) & (truth < N_LABELS)
    return truth, np.where(right, truth, prediction)


@pytest.mark.parametrize("case", cases("evaluation.npz", "eval_"))
def test_scores(case):
    wanted, tolerance = expected(case), CASES[case]["tolerance"]
    matrix = sum(confusion_matrix(*pair(rule), N_LABELS) for rule in CASES[case]["inputs"]["images"])
    scores, (precision, recall) = compute_scores(matrix, over="all"), precision_and_recall(matrix)
    n_columns = len(wanted["confusion"])
    np.testing.assert_array_equal(matrix[:, :n_columns], wanted["confusion"][:N_LABELS])
    found = {
        "iou": scores.class_iou,
        "miou": scores.mean_iou,
        "precision": precision,
        "recall": recall,
        "mean_precision": precision.mean(),
        "mean_recall": recall.mean(),
        "fw_iou": scores.frequency_weighted_iou,
        "pixel_acc": scores.pixel_accuracy,
        "mean_class_acc": scores.mean_accuracy,
    }
    assert found.keys() == wanted.keys() - {"confusion"}
    for name, value in found.items():
        assert_close(value, wanted[name], tolerance)
