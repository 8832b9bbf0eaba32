"""Pseudo labels from given maps: what each background, each CRF and the chosen threshold make of them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from common.cam.files import Cams, read_cams, write_cams
from common.data.images import read_label_map, read_saliency
from common.errors import ConfigError, DataError
from common.files import read_json, write_json
from common.metrics.folder import evaluate_folder
from common.metrics.scores import compute_scores

IDS = [f"train_{index:04d}" for index in range(4)]
SALIENCY = ["--labels.background", "saliency"]


@pytest.fixture
def ramp(work):
    """Replaces the maps of every image: class 1 falls from left to right, class 4 rises from top to bottom."""
    across, down = np.meshgrid(np.linspace(1, 0, 48, dtype=np.float32), np.linspace(0, 1, 48, dtype=np.float32))
    cams = Cams(np.array([1, 4]), np.stack([across, down]).astype(np.float16).astype(np.float32))
    for image_id in IDS:
        write_cams(work / "run/cams" / f"{image_id}.npz", cams)
    return cams.maps


def label_of(work, folder, image_id=IDS[0]):
    return read_label_map(work / "run/labels" / folder / f"{image_id}.png")


def test_a_constant_background_wins_where_no_map_is_above_it(plain_cam, work, ramp):
    assert plain_cam("label", "--labels.threshold", "0.6") == 0
    expected = np.where(ramp.max(0) > 0.6, np.where(ramp[0] >= ramp[1], 2, 5), 0)
    np.testing.assert_array_equal(label_of(work, "plain_cam"), expected)


def test_the_power_background_is_the_power_of_what_the_best_map_lacks(plain_cam, work, ramp):
    assert plain_cam("label", "--labels.background", "power", "--labels.alpha", "2") == 0
    expected = np.where(ramp.max(0) > (1 - ramp.max(0)) ** 2, np.where(ramp[0] >= ramp[1], 2, 5), 0)
    np.testing.assert_array_equal(label_of(work, "plain_cam_power"), expected)


def test_saliency_decides_about_the_background_and_the_maps_about_the_class(plain_cam, work, ramp):
    assert plain_cam("label", *SALIENCY, "--labels.saliency_threshold", "0.3") == 0
    saliency = read_saliency(work / "data/Sal" / f"{IDS[0]}.png")
    expected = np.where(saliency / 255 > 0.3, np.where(ramp[0] >= ramp[1], 2, 5), 0)
    np.testing.assert_array_equal(label_of(work, "cam_x_saliency"), expected)


@pytest.mark.parametrize(
    ("flags", "folder"),
    [
        (["--labels.crf", "label"], "plain_cam_crf_label"),
        ([*SALIENCY, "--labels.crf", "label"], "cam_x_saliency_crf_label"),
        (["--labels.background", "power", "--labels.crf", "cam"], "plain_cam_power_crf_cam"),
    ],
)
def test_the_crf_changes_the_labels_but_not_which_classes_they_may_have(plain_cam, work, ramp, flags, folder):
    assert plain_cam("label", *flags) == 0
    background = flags[:2] if flags[0] == "--labels.background" else []
    assert plain_cam("label", *background) == 0
    refined, plain = label_of(work, folder), label_of(work, folder.split("_crf")[0])
    assert set(np.unique(refined)) <= {0, 2, 5}
    assert 0 < (refined != plain).mean() < 0.5


@pytest.mark.parametrize(
    "flags",
    [[], SALIENCY, ["--labels.crf", "label"], ["--labels.background", "power", "--labels.crf", "cam"]],
    ids=["constant", "saliency", "label CRF", "CAM CRF"],
)
def test_an_image_without_tags_is_all_background(plain_cam, work, flags):
    write_cams(work / "run/cams" / f"{IDS[0]}.npz", Cams(np.zeros(0, np.int64), np.zeros((0, 48, 48), np.float32)))
    assert plain_cam("label", *flags) == 0
    (path,) = (work / "run/labels").glob(f"*/{IDS[0]}.png")
    np.testing.assert_array_equal(read_label_map(path), np.zeros((48, 48)))


def test_the_chosen_threshold_is_the_best_of_the_sweep_and_is_used(plain_cam, work, capsys):
    assert plain_cam("label", "--labels.choose_threshold", "true") == 0
    sweep = read_json(work / "run/threshold_sweep.json")
    assert sweep["n_images"] == 4
    assert len(sweep["thresholds"]) == len(sweep["miou"]) > 50
    assert sweep["best"] == sweep["thresholds"][int(np.argmax(sweep["miou"]))]
    assert f"background threshold {sweep['best']:.2f}: {max(sweep['miou']):.1f} mIoU" in capsys.readouterr().out
    made_with = read_json(work / "run/labels/plain_cam/stage.json")["rule"]
    assert (made_with["threshold"], made_with["choose_threshold"]) == (sweep["best"], True)
    matrix = evaluate_folder(
        lambda image_id: work / "data/SegmentationClass" / f"{image_id}.png",
        lambda image_id: work / "run/labels/plain_cam" / f"{image_id}.png",
        IDS,
        len((work / "data/classes.txt").read_text().split()) + 1,
    ).matrix
    assert 100 * compute_scores(matrix).mean_iou == pytest.approx(max(sweep["miou"]))


def test_a_threshold_is_chosen_for_the_constant_background_only(plain_cam, work):
    assert plain_cam("label", *SALIENCY, "--labels.choose_threshold", "true") == 0
    assert not (work / "run/threshold_sweep.json").exists()


def test_a_missing_saliency_map_is_named_and_counted_and_the_others_are_made(plain_cam, work, capsys):
    (work / "data/Sal" / f"{IDS[2]}.png").unlink()
    assert plain_cam("label", *SALIENCY) == 1
    output = capsys.readouterr()
    assert "label: 3 written, 0 already there, 1 failed" in output.out
    assert f"failed: {IDS[2]}: saliency map of '{IDS[2]}' not found: expected data/Sal/{IDS[2]}.png" in output.err


def test_a_saliency_map_of_another_size_is_named_with_both_sizes(plain_cam, work, capsys):
    Image.new("L", (40, 48)).save(work / "data/Sal" / f"{IDS[1]}.png")
    assert plain_cam("label", *SALIENCY) == 1
    assert (
        f"failed: {IDS[1]}: {IDS[1]}: the saliency map is (48, 40) but the image is (48, 48)" in capsys.readouterr().err
    )


def test_saliency_labels_must_say_where_the_maps_come_from(plain_cam):
    with pytest.raises(ConfigError, match="report.saliency_source is empty"):
        plain_cam("label", *SALIENCY, "--report.saliency_source", "")


def test_labels_of_another_saliency_folder_are_not_taken_for_complete(plain_cam, work):
    plain_cam("label", *SALIENCY)
    (work / "data/Sal").rename(work / "data/other")
    Image.fromarray(np.zeros((48, 48), np.uint8)).save(work / f"data/other/{IDS[0]}.png")
    with pytest.raises(ConfigError, match=r"saliency: data/Sal -> data/other"):
        plain_cam("label", *SALIENCY, "--data.saliency", "other")


def test_missing_cams_are_named_one_by_one(plain_cam, work, capsys):
    (work / "run/cams" / f"{IDS[3]}.npz").unlink()
    assert plain_cam("label") == 1
    assert f"failed: {IDS[3]}: no CAM file run/cams/{IDS[3]}.npz; run the CAM stage first" in capsys.readouterr().err
    with pytest.raises(DataError, match=rf"no CAM file run/cams/{IDS[3]}\.npz"):
        plain_cam("label", "--labels.choose_threshold", "true", "--force")


def test_maps_of_another_version_of_the_toolbox_are_refused(plain_cam, work):
    write_json(work / "run/cams/stage.json", {"classifier": {"engine": {"seed": 0}}})
    with pytest.raises(DataError, match="maps in run/cams are of another version"):
        plain_cam("label")


def test_without_cams_there_is_nothing_to_make_labels_of(plain_cam, work):
    (work / "run/cams/stage.json").unlink()
    with pytest.raises(DataError, match="no maps in run/cams; run the stage cam first"):
        plain_cam("label")


def test_the_maps_in_the_file_are_those_of_the_tagged_classes(work):
    tags = dict(line.split(",") for line in (work / "data/tags.csv").read_text().splitlines())
    names = (work / "data/classes.txt").read_text().split()
    for image_id in IDS:
        keys = read_cams(work / "run/cams" / f"{image_id}.npz").keys
        assert {names[key] for key in keys} == set(tags[image_id].split())
