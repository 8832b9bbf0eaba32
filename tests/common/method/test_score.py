"""Scores of label maps say what was measured."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from common.data.images import read_label_map
from common.data.layout import DataConfig, open_layout
from common.data.palette import write_label_map
from common.data.tag_source import describe_tags
from common.errors import CheckpointError, ConfigError, DataError
from common.files import read_json, write_json
from common.method.score import any_masks
from common.models.backbones import BackboneConfig, build_backbone
from common.report.results import read_results

IDS = [f"train_{index:04d}" for index in range(4)]
SALIENCY = ["--labels.background", "saliency"]


def scored(plain_cam, work, *flags):
    """The record that the score stage adds last."""
    assert plain_cam("label", *flags) == 0
    assert plain_cam("score", *flags) == 0
    return read_results(work / "run/results.json")[-1]


def true_labels(work, folder):
    """Replaces the pseudo labels by the masks."""
    for image_id in IDS:
        mask = read_label_map(work / "data/SegmentationClass" / f"{image_id}.png")
        write_label_map(work / "run/labels" / folder / f"{image_id}.png", np.where(mask == 255, 0, mask))


def test_a_record_says_where_it_comes_from(plain_cam, work):
    result = scored(plain_cam, work, "--labels.threshold", "0.3")
    assert (result.method, result.stage) == ("plain CAM", "pseudo label")
    assert (result.dataset, result.list, result.split, result.n_images) == ("toy", "train.txt", "train", 4)
    assert (result.threshold, result.threshold_choice, result.crf) == (0.3, "fixed", "none")
    assert (result.initial_weights, result.saliency_source, result.tags_given) == ("random", "none", True)
    assert (result.seed, result.steps, result.run_folder) == (0, {"train": 2}, "run")
    assert result.commit and result.created_by and result.versions["torch"]
    assert result.tag_source == describe_tags(open_layout(DataConfig(dataset="toy", root="data")), IDS)
    assert list(result.class_iou) == ["background", *(work / "data/classes.txt").read_text().split()]


def test_the_floor_is_scored_on_the_same_masks(plain_cam, work):
    result = scored(plain_cam, work)
    floor = read_results(work / "run/results.json")[0]
    assert floor.method == "all background"
    assert floor.absent_classes() == result.absent_classes()
    assert all(value == 0 for name, value in floor.present_iou().items() if name != "background")
    masks = [read_label_map(work / "data/SegmentationClass" / f"{image_id}.png") for image_id in IDS]
    counted = sum((mask != 255).sum() for mask in masks)
    assert floor.class_iou["background"] == pytest.approx(100 * sum((mask == 0).sum() for mask in masks) / counted)
    assert (floor.threshold, floor.steps, floor.initial_weights) == (None, {"none": 0}, "none")


def test_other_tags_make_other_maps_and_are_refused(plain_cam, work):
    (work / "data/tags.csv").write_text("".join(f"{image_id},kite\n" for image_id in IDS))
    with pytest.raises(ConfigError, match=r"tags: tags\.csv \w+ -> tags\.csv"):
        plain_cam("cam")


def test_maps_of_earlier_versions_continue_and_their_scores_say_that_the_tags_were_not_recorded(plain_cam, work):
    record = read_json(work / "run/cams/stage.json")
    write_json(work / "run/cams/stage.json", {name: value for name, value in record.items() if name != "tags"})
    assert plain_cam("cam") == 0
    assert scored(plain_cam, work).tag_source == "not recorded"
    assert plain_cam("cam", "--force") == 0
    assert scored(plain_cam, work, "--force").tag_source.startswith("tags.csv ")


def test_whoever_knows_better_says_which_tags(plain_cam, work):
    assert scored(plain_cam, work, "--report.tag_source", "all XML objects").tag_source == "all XML objects"


def test_the_masks_themselves_score_100(plain_cam, work):
    plain_cam("label")
    true_labels(work, "plain_cam")
    plain_cam("score")
    assert read_results(work / "run/results.json")[-1].miou == 100


def test_a_chosen_threshold_says_against_which_masks(plain_cam, work):
    result = scored(plain_cam, work, "--labels.choose_threshold", "true")
    assert result.threshold == read_json(work / "run/threshold_sweep.json")["best"]
    assert result.threshold_choice == "best on train.txt against its masks"


def test_a_record_is_about_the_labels_as_they_were_made_whatever_the_settings_are_now(plain_cam, work):
    assert plain_cam("label", "--labels.choose_threshold", "true") == 0
    assert plain_cam("score", "--labels.threshold", "0.9", "--seed", "5", "--max-steps", "77") == 0
    result = read_results(work / "run/results.json")[-1]
    assert result.threshold == read_json(work / "run/threshold_sweep.json")["best"]
    assert (result.threshold_choice, result.seed, result.steps["train"]) == (
        "best on train.txt against its masks",
        0,
        2,
    )


def test_saliency_labels_name_their_source_and_the_crf_its_constants(plain_cam, work):
    result = scored(plain_cam, work, *SALIENCY, "--labels.crf", "label")
    assert (result.method, result.stage) == ("CAM x saliency", "pseudo label + CRF")
    assert result.saliency_source == "generated"
    assert result.crf == "label: position 3/3, colour 50/5/10, 10 iterations"
    assert (result.threshold, result.threshold_choice) == (0.5, "fixed")


def test_every_kind_of_label_keeps_its_record_and_a_repeated_score_replaces_its_own(plain_cam, work):
    for flags in ([], SALIENCY, []):
        scored(plain_cam, work, *flags)
    methods = [result.method for result in read_results(work / "run/results.json")]
    assert methods == ["all background", "plain CAM", "CAM x saliency"]


def test_only_the_wanted_classes_are_scored(plain_cam, work):
    plain_cam("label")
    name = (work / "data/classes.txt").read_text().split()[0]
    assert plain_cam("score", f"--report.score_classes=[{name}]") == 0
    assert list(read_results(work / "run/results.json")[-1].class_iou) == ["background", name]
    with pytest.raises(ConfigError, match="cannot score unicorn"):
        plain_cam("score", "--report.score_classes=[unicorn]")


def test_classes_in_no_mask_are_absent(plain_cam, work):
    plain_cam("label")
    for image_id in IDS:
        path = work / "data/SegmentationClass" / f"{image_id}.png"
        mask = read_label_map(path)
        write_label_map(path, np.where(mask == 1, 0, mask))
    plain_cam("score")
    result = read_results(work / "run/results.json")[-1]
    first = (work / "data/classes.txt").read_text().split()[0]
    assert math.isnan(result.class_iou[first])


def test_a_missing_pseudo_label_is_an_error_that_names_it(plain_cam, work):
    plain_cam("label")
    (work / "run/labels/plain_cam" / f"{IDS[1]}.png").unlink()
    with pytest.raises(DataError, match=rf"run/labels/plain_cam/{IDS[1]}\.png does not exist"):
        plain_cam("score")
    assert not (work / "run/results.json").exists()


def test_initial_weights_are_described_by_their_file_also_when_it_is_gone_at_the_score(plain_cam, work):
    torch.save(build_backbone(BackboneConfig("resnet18", width=0.25)).state_dict(), work / "own.pth")
    flags = ["--out", "own", "--backbone.weights", "own.pth"]
    for stage in ("train", "cam", "label"):
        assert plain_cam(stage, *flags) == 0
    (work / "own.pth").unlink()
    assert plain_cam("score", *flags) == 0
    assert read_results(work / "own/results.json")[-1].initial_weights.startswith("file own.pth sha256:")


def test_weights_that_are_gone_cannot_be_described(plain_cam, work):
    torch.save(build_backbone(BackboneConfig("resnet18", width=0.25)).state_dict(), work / "own.pth")
    flags = ["--out", "own", "--backbone.weights", "own.pth"]
    plain_cam("train", *flags)
    (work / "own.pth").unlink()
    with pytest.raises(CheckpointError, match=r"no weights file own\.pth"):
        plain_cam("cam", *flags)


@pytest.mark.parametrize(("removed", "expected"), [([], True), (IDS, False)])
def test_a_list_has_masks_or_none(work, removed, expected):
    for image_id in removed:
        (work / "data/SegmentationClass" / f"{image_id}.png").unlink()
    assert any_masks(open_layout(DataConfig(dataset="toy", root="data")), IDS) == expected


def test_a_list_of_which_some_have_masks_is_an_error_that_counts_them(work):
    (work / "data/SegmentationClass" / f"{IDS[2]}.png").unlink()
    with pytest.raises(DataError, match=f"1 of 4 images have no mask, e.g. {IDS[2]}"):
        any_masks(open_layout(DataConfig(dataset="toy", root="data")), IDS)
