"""Records made from a confusion matrix carry the scores and where they come from."""

import math
from pathlib import Path

import numpy as np
import pytest

from common.crf.presets import PRESETS
from common.data.layout import DatasetLayout
from common.errors import ConfigError
from common.report.record import FLOOR, Evaluated, describe_crf, floor_result, make_result

# Truth in rows: background, ring, disc; the last column counts predictions that are none of the labels.
MATRIX = np.array([[60, 10, 0, 0], [5, 15, 0, 0], [4, 1, 5, 0]], dtype=np.int64)


def layout_with(lists):
    folder = Path("toy")
    return DatasetLayout("toy", folder, ("ring", "disc"), folder / "images", folder, folder, None, lists)


LAYOUT = layout_with({"train": Path("toy/lists/train_aug.txt")})
EVALUATED = Evaluated("train", 7, Path("runs/toy"), 3)


def record(layout=LAYOUT, evaluated=EVALUATED, **fields):
    fields = {"method": "plain CAM", "stage": "pseudo label", "steps": {"classifier": 9}} | fields
    return make_result(MATRIX, layout, evaluated, **fields)


def test_scores_are_percent_over_the_labels_of_the_dataset():
    result = record()
    assert result.class_iou == pytest.approx({"background": 100 * 60 / 79, "ring": 100 * 15 / 31, "disc": 50.0})
    assert result.miou == pytest.approx(sum(result.class_iou.values()) / 3)
    assert result.pixel_accuracy == pytest.approx(80.0)


def test_what_was_evaluated_is_in_the_record():
    result = record()
    assert (result.dataset, result.list, result.split, result.n_images) == ("toy", "train_aug.txt", "train", 7)
    assert (result.run_folder, result.seed, result.steps) == ("runs/toy", 3, {"classifier": 9})
    assert result.created_by and result.commit and "torch" in result.versions


def test_classes_that_are_not_scored_are_ignored_in_the_masks_but_stay_errors_in_the_prediction():
    result = record(evaluated=Evaluated("train", 7, "runs/toy", 3, ["disc"]))
    assert result.class_iou == pytest.approx({"background": 100 * 60 / 74, "disc": 50.0})


def test_an_unknown_class_to_score_is_an_error():
    with pytest.raises(ConfigError, match="cannot score square"):
        record(evaluated=Evaluated("train", 7, "runs/toy", 3, ["square"]))


def test_a_dataset_without_a_list_says_that_all_images_were_used():
    assert record(layout_with({})).list == "all images of images"


def test_the_floor_predicts_background_everywhere_on_the_same_masks():
    floor = floor_result(MATRIX, LAYOUT, EVALUATED, stage="pseudo label")
    assert floor.method == FLOOR
    assert floor.class_iou == pytest.approx({"background": 70.0, "ring": 0.0, "disc": 0.0})
    assert floor.steps == {"none": 0}
    assert (floor.initial_weights, floor.saliency_source, floor.crf) == ("none", "none", "none")
    assert (floor.list, floor.n_images, floor.seed) == ("train_aug.txt", 7, 3)


def test_the_floor_of_a_crf_stage_names_the_crf_and_has_the_same_scores():
    floor = floor_result(MATRIX, LAYOUT, EVALUATED, stage="DeepLab-v2")
    refined = floor_result(MATRIX, LAYOUT, EVALUATED, stage="DeepLab-v2 + CRF", crf="deeplab: 10 iterations")
    assert (refined.stage, refined.crf) == ("DeepLab-v2 + CRF", "deeplab: 10 iterations")
    assert refined.class_iou == floor.class_iou


def test_a_class_in_no_mask_stays_absent_in_the_floor():
    matrix = MATRIX.copy()
    matrix[2] = 0
    floor = floor_result(matrix, LAYOUT, EVALUATED, stage="pseudo label")
    assert math.isnan(floor.class_iou["disc"])
    assert floor.miou == pytest.approx(100 * 70 / 90 / 2)


def test_the_line_about_a_crf_holds_every_constant():
    assert describe_crf("label", PRESETS["label"]) == "label: position 3/3, colour 50/5/10, 10 iterations"


def test_ignored_pixels_count_as_wrong_and_the_record_says_what_the_others_score():
    matrix = MATRIX + np.array([[0, 0, 0, 30], [0, 0, 0, 0], [0, 0, 0, 20]])
    result = make_result(matrix, LAYOUT, EVALUATED, method="I2CRC", stage="pseudo label", steps={})
    assert result.class_iou["disc"] == pytest.approx(100 * 5 / 30)
    assert (result.ignored, result.kept_miou) == (pytest.approx(100 * 50 / 150), pytest.approx(record().miou))
    assert "33.3 % of the pixels ignored; of the others " in result.line()
    assert (record().ignored, record().kept_miou) == (0, None)


def test_where_everything_is_ignored_nothing_is_right():
    matrix = np.array([[0, 0, 0, 9], [0, 0, 0, 1], [0, 0, 0, 0]])
    result = make_result(matrix, LAYOUT, EVALUATED, method="I2CRC", stage="pseudo label", steps={})
    assert (result.ignored, result.kept_miou, result.miou) == (100, 0, 0)
