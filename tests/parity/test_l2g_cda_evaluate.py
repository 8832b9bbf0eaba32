"""CAM quality equals the published ``evaluate.py``."""

import numpy as np
import pytest

from common.metrics.sweep import CamSample, threshold_matrices
from l2g_cda.quality import cam_quality
from tests.parity.l2g_cda_cases import CASES
from tests.parity.l2g_cda_data import picture, stored

ITEMS = dict(CASES["pseudo/gen_gt"]["items"])


def sample(item):
    size = CASES["pseudo/gen_gt"]["size"]
    maps = [picture(f"{item}_att{number}", *size).astype(np.float32) / 255 for number in ITEMS[item]]
    return CamSample(stored("pseudo")[f"gt/{item}"], np.array(ITEMS[item]), np.stack(maps))


@pytest.mark.parametrize("case", ["pseudo/evaluate"])
def test_cam_quality(case):
    wanted, tolerance = stored("pseudo", "evaluate/"), float(CASES[case]["tolerance"])
    thresholds = wanted["rows"][:, 0].tolist()
    matrices = threshold_matrices(sample, list(ITEMS), thresholds, 21, workers=1)
    sweep = [cam_quality(*pair) for pair in zip(matrices, thresholds, strict=True)]
    rows = [[q.threshold, q.miou, q.false_positive, q.false_negative, q.foreground_iou] for q in sweep]
    np.testing.assert_allclose(rows, wanted["rows"], rtol=0, atol=tolerance)
    index = int(np.argmin(np.abs(np.array(thresholds) - 0.35)))
    np.testing.assert_allclose(sweep[index].class_iou, wanted["class_iou_at_0.35"], rtol=0, atol=tolerance)
