"""Scores as published, and records that say what was measured."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from common.metrics.scores import compute_scores
from common.report.results import read_results
from deeplabv2.main import main
from deeplabv2.results import method_name, published_text, steps_of_checkpoint
from deeplabv2.settings import DeepLabConfig


def test_the_json_has_the_published_keys_fractions_order_and_nan():
    matrix = np.zeros((12, 13), np.int64)
    matrix[0, 0], matrix[0, 2], matrix[2, 2], matrix[10, 10] = 6, 2, 1, 1
    text = published_text(compute_scores(matrix))
    scores = json.loads(text)
    assert list(scores) == ["Class IoU", "Frequency Weighted IoU", "Mean Accuracy", "Mean IoU", "Pixel Accuracy"]
    assert list(scores["Class IoU"]) == [str(label) for label in range(12)]
    assert scores["Pixel Accuracy"] == 0.8
    assert scores["Mean IoU"] == pytest.approx((6 / 8 + 1 / 3 + 1) / 3)
    assert math.isnan(scores["Class IoU"]["1"])
    assert text.splitlines()[1:3] == ['    "Class IoU": {', '        "0": 0.75,']
    assert '        "1": NaN,' in text


def test_every_stage_has_its_floor_and_its_provenance(arguments, scores):
    main(["test", *arguments])
    main(["crf", *arguments])
    results = {(result.method, result.stage): result for result in read_results(scores / "results.json")}
    stages = ("DeepLab-v2", "DeepLab-v2 + CRF")
    assert set(results) == {(method, stage) for method in ("all background", "fully supervised") for stage in stages}
    floors = [results["all background", stage] for stage in stages]
    assert floors[0].class_iou == floors[1].class_iou
    assert floors[1].crf == results["fully supervised", stages[1]].crf
    result = results["fully supervised", stages[0]]
    assert (result.list, result.n_images, result.crf) == ("val.txt", 4, "none")
    assert (result.steps, result.initial_weights) == ({"DeepLabV2_MSC": 2}, "random")


@pytest.mark.parametrize(
    ("method", "label_dir", "expected"),
    [
        ("", "", "fully supervised"),
        ("", "runs/labels/plain_cam", "labels of plain_cam"),
        ("L2G", "runs/labels", "L2G"),
    ],
)
def test_the_row_of_the_table_is_never_a_wrong_one(method, label_dir, expected):
    config = DeepLabConfig()
    config.report.method, config.label_dir = method, label_dir
    assert method_name(config) == expected


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("checkpoint_5000.pth", 5000),
        ("deeplabv2_resnet101_msc-vocaug-20000.pth", 20000),
        ("checkpoint_final.pth", 700),
        ("deeplabv1_resnet101-coco.pth", 700),
        ("model_iter_8000.caffemodel", 8000),
    ],
)
def test_steps_are_those_of_the_checkpoint_or_of_the_configuration(name, steps):
    config = DeepLabConfig()
    config.engine.max_steps = 700
    assert steps_of_checkpoint(config, Path(name)) == steps
