"""One valid result to vary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from common.report.results import Result

VALID: dict[str, Any] = {
    "method": "plain CAM",
    "stage": "pseudo label",
    "dataset": "toy",
    "list": "train.txt",
    "split": "train",
    "n_images": 20,
    "miou": 50.0,
    "class_iou": {"background": 80.0, "ring": 20.0, "disc": float("nan")},
    "pixel_accuracy": 85.0,
    "mean_accuracy": 60.0,
    "false_positive_rate": 20.0,
    "false_negative_rate": 30.0,
    "threshold": 0.35,
    "threshold_choice": "fixed",
    "crf": "none",
    "initial_weights": "random",
    "saliency_source": "none",
    "tag_source": "tags.csv 01234567",
    "tags_given": True,
    "seed": 0,
    "steps": {"classifier": 100},
    "commit": "0123456789abcdef",
    "run_folder": "runs/toy",
    "created_by": "python -m common.baseline",
    "versions": {"python": "3.11"},
}


@pytest.fixture
def make_result() -> Callable[..., Result]:
    """``make_result(**changes)``; a given ``miou`` also sets the class values it is the mean of."""

    def make(**changes: Any) -> Result:
        if "miou" in changes and "class_iou" not in changes:
            changes["class_iou"] = {"background": changes["miou"], "ring": changes["miou"]}
        return Result(**(VALID | changes))

    return make
