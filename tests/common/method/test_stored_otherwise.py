"""Masks and saliency maps that are stored in another way than the stages read them: refused by name, or scaled and said."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from common.data.images import read_label_map
from common.errors import ConfigError
from common.files import read_json
from common.report.results import read_results

IDS = [f"train_{index:04d}" for index in range(4)]
SALIENCY = ["--labels.background", "saliency"]


def stored(folder, change):
    """Every file of a folder of maps with other values."""
    for path in folder.glob("*.png"):
        Image.fromarray(change(np.array(Image.open(path)))).save(path)


def objects_as_255(mask):
    return np.where(mask > 0, 255, 0).astype(np.uint8)


def zero_and_one(saliency):
    return (saliency > 127).astype(np.uint8)


@pytest.mark.parametrize("stage", ["score", "label"])
def test_masks_that_keep_their_objects_as_255_are_not_scored(plain_cam, failing, work, stage):
    assert plain_cam("label") == 0
    stored(work / "data/SegmentationClass", objects_as_255)
    message = failing(stage, *(["--labels.choose_threshold", "true"] if stage == "label" else []))
    assert "not one of 4 masks shows a class; they hold 0 and 255 only" in message
    assert not (work / "run/results.json").exists()


def test_saliency_of_zero_and_one_makes_the_labels_of_zero_and_255_and_results_say_so(plain_cam, work, capsys):
    stored(work / "data/Sal", lambda saliency: 255 * zero_and_one(saliency))
    assert plain_cam("label", *SALIENCY) == plain_cam("score", *SALIENCY) == 0
    record = read_json(work / "run/labels/cam_x_saliency/stage.json")
    assert "saliency_largest" not in record
    expected = [read_label_map(work / f"run/labels/cam_x_saliency/{image_id}.png") for image_id in IDS]
    before = read_results(work / "run/results.json")[-1]
    capsys.readouterr()

    stored(work / "data/Sal", zero_and_one)
    with pytest.raises(ConfigError, match="saliency_largest: not set -> 1"):
        plain_cam("label", *SALIENCY)
    assert plain_cam("label", *SALIENCY, "--force") == plain_cam("score", *SALIENCY) == 0
    assert f"saliency maps in {'data/Sal'}: none of 6 goes above 1" in capsys.readouterr().err
    made = [read_label_map(work / f"run/labels/cam_x_saliency/{image_id}.png") for image_id in IDS]
    assert all((one == other).all() for one, other in zip(made, expected, strict=True)) and np.any(made)
    assert read_json(work / "run/labels/cam_x_saliency/stage.json") == {**record, "saliency_largest": 1}
    after = read_results(work / "run/results.json")[-1]
    assert after.miou == before.miou
    assert after.saliency_source == f"{before.saliency_source} (maps stored as 0..1, times 255)"


def test_the_setting_takes_maps_as_they_are(plain_cam, work):
    stored(work / "data/Sal", zero_and_one)
    assert plain_cam("label", *SALIENCY, "--data.saliency_largest", "255") == 0
    assert not any(read_label_map(work / f"run/labels/cam_x_saliency/{image_id}.png").any() for image_id in IDS)


def test_another_largest_value_is_no_setting(failing):
    assert "saliency_largest" in failing("label", *SALIENCY, "--data.saliency_largest", "100")
