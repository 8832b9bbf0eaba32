"""The stages of plain CAM on a handful of images, through the command line."""

from __future__ import annotations

import numpy as np
import pytest

from common.cam.files import read_cams
from common.data.images import read_label_map
from common.engine.checkpoint import load_model_state
from common.errors import CheckpointError, ConfigError, DataError
from common.report.results import read_results

IDS = [f"train_{index:04d}" for index in range(4)]


def modification_times(folder, pattern):
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob(pattern)}


def test_from_tags_to_a_scored_pseudo_label(plain_cam, work, capsys):
    assert plain_cam("label") == 0
    assert plain_cam("score") == 0
    assert "plain CAM, pseudo label, train.txt:" in capsys.readouterr().out
    for image_id in IDS:
        keys, maps = read_cams(work / "run/cams" / f"{image_id}.npz")
        label_map = read_label_map(work / "run/labels/plain_cam" / f"{image_id}.png")
        assert label_map.shape == maps.shape[1:] == (48, 48)
        assert set(np.unique(label_map)) <= {0, *(keys + 1)}
    assert [result.method for result in read_results(work / "run/results.json")] == ["all background", "plain CAM"]
    assert (work / "run/config.yaml").is_file() and (work / "run/metrics.jsonl").is_file()


def test_what_is_done_is_skipped_and_what_is_missing_is_made(plain_cam, work, capsys):
    before = modification_times(work / "run", "*.pth") | modification_times(work / "run/cams", "*.npz")
    removed = before.pop("train_0002.npz")
    (work / "run/cams/train_0002.npz").unlink()
    assert plain_cam("train") == 0
    assert plain_cam("cam") == 0
    assert "cam: 1 written, 3 already there, 0 failed" in capsys.readouterr().out
    after = modification_times(work / "run", "*.pth") | modification_times(work / "run/cams", "*.npz")
    assert after.pop("train_0002.npz") > removed
    assert after == before


def test_a_stopped_training_continues_to_the_same_weights(plain_cam, work):
    flags = ["--out", "again", "--engine.save_every", "1"]
    assert plain_cam("train", *flags, "--engine.stop_at", "1") == 0
    with pytest.raises(CheckpointError, match="stopped at step 1 of 2; run it again"):
        plain_cam("cam", *flags)
    assert plain_cam("train", *flags) == 0
    continued, straight = (load_model_state(work / name / "checkpoints/checkpoint_2.pth") for name in ("again", "run"))
    assert all((tensor == straight[name]).all() for name, tensor in continued.items())


def test_the_pace_may_change_between_two_calls(plain_cam, work, capsys):
    (work / "run/cams/train_0001.npz").unlink()
    pace = ["--cam.batch_size", "1", "--engine.workers", "1", "--engine.log_every", "7"]
    assert plain_cam("cam", *pace) == 0
    assert "1 written, 3 already there" in capsys.readouterr().out


def test_other_cam_settings_are_refused_until_they_are_forced(plain_cam):
    with pytest.raises(ConfigError, match=r"cam\.flip: True -> False.*--force"):
        plain_cam("cam", "--cam.flip", "false")
    assert plain_cam("cam", "--cam.flip", "false", "--force") == 0


def test_labels_of_other_cams_are_not_taken_for_complete(plain_cam):
    plain_cam("label")
    plain_cam("cam", "--cam.flip", "false", "--force")
    with pytest.raises(ConfigError, match=r"maps\.cam\.flip: True -> False"):
        plain_cam("label")


@pytest.mark.parametrize("flags", [["--seed", "3"], ["--backbone.width", "0.5"]])
def test_settings_that_are_not_those_of_the_training_are_refused(plain_cam, flags):
    with pytest.raises((ConfigError, CheckpointError), match="seed: 0 -> 3|width"):
        plain_cam("cam", *flags)


def test_stages_out_of_order_say_which_one_comes_first(plain_cam):
    with pytest.raises(CheckpointError, match="run the training first"):
        plain_cam("cam", "--out", "fresh")
    with pytest.raises(DataError, match="no maps in fresh/cams; run the stage cam first"):
        plain_cam("label", "--out", "fresh")
    with pytest.raises(DataError, match="no label maps in run/labels/plain_cam; run the stage label first"):
        plain_cam("score")


def test_pictures_of_label_maps_whose_threshold_is_not_chosen_yet(plain_cam, work):
    with pytest.raises(DataError, match=r"no threshold sweep run/threshold_sweep\.json; run the stage label first"):
        plain_cam("pictures", "--labels.choose_threshold", "true")
    plain_cam("label", "--labels.choose_threshold", "true")
    assert plain_cam("pictures", "--labels.choose_threshold", "true", "--report.pictures", "1") == 0
    (example,) = (path for path in (work / "run/examples").iterdir() if path.is_dir())
    titles = [path.stem.partition(" ")[2] for path in sorted(example.glob("*.png"))]
    assert titles[:3] == ["image", "ground truth", "saliency"]
    assert titles[-2:] == ["pseudo label: plain CAM", "pseudo label: CAM x saliency"]


def test_a_repeated_label_stage_makes_nothing_anew(plain_cam, work, capsys):
    plain_cam("label")
    before = modification_times(work / "run/labels", "*.png")
    assert plain_cam("label") == 0
    assert "label: 0 written, 4 already there, 0 failed" in capsys.readouterr().out
    assert modification_times(work / "run/labels", "*.png") == before
