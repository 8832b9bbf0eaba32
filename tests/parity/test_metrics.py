"""Scores equal those of deeplab-pytorch's evaluator."""

from pathlib import Path

import numpy as np
import pytest

from common.metrics.confusion import confusion_matrix
from common.metrics.scores import compute_scores
from tests.parity.fill import filled_input

GOLDEN = Path(__file__).parent / "golden" / "deeplabv2" / "metrics.npz"
N_LABELS = 21
# Case: sizes of its maps, number of labels in the truth, number of labels in the prediction.
CASES = {
    "all_classes": ([(20, 31), (17, 12)], 21, 21),
    "missing_gt_classes": ([(20, 31)], 9, 21),
    "missing_both": ([(12, 12)], 5, 5),
}


@pytest.mark.parametrize("case", CASES)
def test_scores_equal_the_published_evaluator(case):
    shapes, truth_labels, predicted_labels = CASES[case]
    matrix = np.zeros((N_LABELS, N_LABELS + 1), np.int64)
    for number, shape in enumerate(shapes):
        name = f"deeplabv2/open/met_{case}/gt{number}"
        truth = filled_input(name, shape, 0, truth_labels)
        prediction = filled_input(name.replace("/gt", "/pred"), shape, 0, predicted_labels)
        prediction = np.where(filled_input(f"{name}/agree", shape, 0, 3) > 0, truth, prediction)
        truth[:2] = 255
        matrix += confusion_matrix(truth, prediction, N_LABELS)
    scores = compute_scores(matrix)
    golden = np.load(GOLDEN)
    for key, value in {
        "pixel_accuracy": scores.pixel_accuracy,
        "mean_accuracy": scores.mean_accuracy,
        "fw_iou": scores.frequency_weighted_iou,
        "mean_iou": scores.mean_iou,
        "class_iou": scores.class_iou,
    }.items():
        np.testing.assert_allclose(value, golden[f"{case}.{key}"], rtol=1e-10)
