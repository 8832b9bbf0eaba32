"""The IoU of the segmentation stage's evaluator that leaves unlabelled pixels out."""

import numpy as np
import pytest

from common.metrics.confusion import confusion_matrix
from common.metrics.scores import compute_scores
from tests.parity.fill import filled_input
from tests.parity.sgan_cases import CASES, assert_close, cases, expected

N_LABELS = 21


def test_every_open_case_is_checked():
    assert cases("evaluation_dsrg.npz", "") == ["iou_without_ignored"]


@pytest.mark.parametrize("case", ["iou_without_ignored"])
def test_iou_without_unlabelled_pixels(case):
    truth = filled_input("open_dpe:gt", (40, 30), 0, 21)
    predicted = filled_input("open_dpe:pr", (40, 30), 0, 22)
    predicted[filled_input("open_dpe:k", (40, 30), 0, 2) > 0] = truth[filled_input("open_dpe:k", (40, 30), 0, 2) > 0]
    matrix, wanted = confusion_matrix(truth, predicted, N_LABELS), expected(case)
    # The last column counts pixels without a label: dropped, they are no errors.
    for scores, ending in ((compute_scores(matrix[:, :N_LABELS]), "_ignore"), (compute_scores(matrix), "")):
        assert_close(np.array(scores.class_iou), wanted[f"iou{ending}"], CASES[case]["tolerance"])
        assert_close(scores.mean_iou, wanted[f"miou{ending}"], CASES[case]["tolerance"])
