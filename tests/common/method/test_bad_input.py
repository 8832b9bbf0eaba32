"""Broken input ends in one line that names it; where other images can go on, they do."""

from __future__ import annotations

import pickle
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from common.data.palette import write_label_map

BROKEN = "train_0001"


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def tags_file(work):
    return work / "data/tags.csv"


class RunsCode:
    """Pickles as a call that would write a file."""

    def __reduce__(self):
        return (open, ("executed.txt", "w"))


@pytest.mark.parametrize("what", ["list", "folder"])
def test_a_dataset_without_images(failing, work, what):
    if what == "list":
        (work / "data/ImageSets/Segmentation/train.txt").write_text("")
        assert "train.txt" in failing("train", "--out", "new")
    else:
        (work / "own/images").mkdir(parents=True)
        shutil.copy(tags_file(work), work / "own/tags.csv")
        line = failing("train", "--out", "new", "--data.dataset", "folder", "--data.root", "own")
        assert "own/images holds no images" in line


def test_a_dataset_that_is_not_there(failing):
    assert "dataset folder nowhere does not exist" in failing("train", "--out", "new", "--data.root", "nowhere")


def test_an_image_of_the_list_that_is_not_there(failing, work):
    (work / f"data/JPEGImages/{BROKEN}.jpg").unlink()
    assert f"image of '{BROKEN}' not found: expected data/JPEGImages/{BROKEN}.jpg" in failing("train", "--out", "new")


def test_a_tag_for_a_class_that_does_not_exist(failing, work):
    lines = tags_file(work).read_text().splitlines()
    lines[1] = lines[1].split(",")[0] + ",unicorn"
    tags_file(work).write_text("\n".join(lines))
    line = failing("train", "--out", "new")
    assert "tags.csv" in line and "unicorn" in line


def test_an_image_of_the_list_without_tags(failing, work):
    lines = [line for line in tags_file(work).read_text().splitlines() if not line.startswith(BROKEN)]
    tags_file(work).write_text("\n".join(lines))
    assert f"1 of 4 images have no tags in data/tags.csv: {BROKEN}" in failing("train", "--out", "new")


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_truncated_image_stops_the_training(failing, work, workers):
    truncate(work / f"data/JPEGImages/{BROKEN}.jpg")
    line = failing("train", "--out", "new", "--workers", workers)
    assert f"cannot read image data/JPEGImages/{BROKEN}.jpg" in line


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize("kind", ["truncated", "not an image", "missing"])
def test_an_unreadable_image_is_left_out_of_the_cams_and_named(plain_cam, work, capsys, kind, workers):
    path = work / f"data/JPEGImages/{BROKEN}.jpg"
    if kind == "truncated":
        truncate(path)
    elif kind == "missing":
        path.unlink()
    else:
        path.write_text("<html>not found</html>")
    assert plain_cam("cam", "--force", "--cam.batch_size", "2", "--workers", workers) == 1
    output = capsys.readouterr()
    assert "cam: 3 written, 0 already there, 1 failed" in output.out
    (line,) = (line for line in output.err.splitlines() if "failed:" in line)
    assert line.startswith(f"  failed: {BROKEN}: ") and f"data/JPEGImages/{BROKEN}.jpg" in line


def test_a_mask_of_another_size(failing, plain_cam, work):
    write_label_map(work / f"data/SegmentationClass/{BROKEN}.png", np.zeros((40, 48), np.uint8))
    plain_cam("label")
    line = failing("score")
    assert f"{BROKEN}.png" in line and "truth is 40x48 but prediction is 48x48" in line
    assert BROKEN in failing("label", "--labels.choose_threshold", "true", "--force")


@pytest.mark.parametrize("stage", ["label", "score"])
def test_a_mask_that_is_not_a_label_map(failing, plain_cam, work, stage):
    Image.new("RGB", (48, 48)).save(work / f"data/SegmentationClass/{BROKEN}.png")
    if stage == "score":
        plain_cam("label")
        assert f"{BROKEN}.png is a colour (RGB) image" in failing("score")
    else:
        assert f"{BROKEN}.png is a colour (RGB) image" in failing("label", "--labels.choose_threshold", "true")


def test_saliency_maps_that_are_not_there(plain_cam, work, capsys):
    for path in (work / "data/Sal").iterdir():
        path.unlink()
    assert plain_cam("label", "--labels.background", "saliency") == 1
    output = capsys.readouterr()
    assert "label: 0 written, 0 already there, 4 failed" in output.out
    assert f"data/Sal/{BROKEN}.png" in output.err


def test_a_truncated_cam_file(failing, plain_cam, work, capsys):
    truncate(work / f"run/cams/{BROKEN}.npz")
    assert plain_cam("label") == 1
    assert f"failed: {BROKEN}: cannot read the CAM file run/cams/{BROKEN}.npz" in capsys.readouterr().err
    assert f"run/cams/{BROKEN}.npz" in failing("label", "--labels.choose_threshold", "true", "--force")


def test_a_checkpoint_of_another_network_as_weights(failing, work):
    torch.save(nn.Conv2d(3, 4, 1).state_dict(), work / "other.pth")
    line = failing("train", "--out", "new", "--backbone.weights", "other.pth")
    assert "other.pth: 0 matched" in line and "do not fit ResNet, nothing was loaded" in line


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"PK\x03\x04 cut off"])
def test_weights_that_are_not_a_checkpoint(failing, work, content):
    (work / "other.pth").write_bytes(content)
    assert "other.pth" in failing("train", "--out", "new", "--backbone.weights", "other.pth")


@pytest.mark.parametrize("flags", [["--force"], ["--out", "new"]])
def test_weights_that_cannot_be_used_leave_the_run_folder_as_it_was(failing, work, flags):
    before = {path: path.read_bytes() for path in work.rglob("*") if path.is_file()}
    (work / "other.pth").write_bytes(b"<html>not found</html>")
    assert "other.pth" in failing("train", "--backbone.weights", "other.pth", *flags)
    assert {path: path.read_bytes() for path in work.rglob("*") if path.is_file()} == before | {
        work / "other.pth": b"<html>not found</html>"
    }
    assert not (work / "new").exists()


def test_weights_that_want_to_run_code(failing, work):
    torch.save({"state_dict": RunsCode()}, work / "evil.pth")
    line = failing("train", "--out", "new", "--backbone.weights", "evil.pth")
    assert "evil.pth holds Python objects other than tensors" in line
    assert not (work / "executed.txt").exists()


def test_a_training_checkpoint_that_is_damaged(failing, work):
    truncate(work / "run/checkpoints/checkpoint_2.pth")
    assert "run/checkpoints/checkpoint_2.pth" in failing("cam", "--force")


def test_a_training_checkpoint_that_wants_to_run_code(failing, work):
    torch.save({"format": 1, "model": RunsCode()}, work / "run/checkpoints/checkpoint_2.pth")
    assert "run/checkpoints/checkpoint_2.pth" in failing("cam", "--force")
    assert not (work / "executed.txt").exists()


def test_a_training_checkpoint_of_another_network(failing):
    line = failing("cam", "--force", "--backbone.width", "0.5")
    assert "run/checkpoints/checkpoint_2.pth" in line and "wrong shape" in line


def test_a_network_that_gives_nan(failing, work):
    path = work / "run/checkpoints/checkpoint_2.pth"
    content = torch.load(path, weights_only=True)
    content["model"]["head.weight"].fill_(float("nan"))
    torch.save(content, path)
    assert "NaN" in failing("cam", "--force")


@pytest.mark.parametrize("name", ["tags.pkl", "tags.npy"])
def test_tags_that_want_to_run_code(failing, work, name):
    if name == "tags.pkl":
        (work / "data" / name).write_bytes(pickle.dumps({BROKEN: RunsCode()}))
    else:
        np.save(work / "data" / name, np.array({BROKEN: RunsCode()}, dtype=object))
    line = failing("train", "--out", "new", "--data.tags", name)
    assert name in line and "nothing was executed" in line
    assert not (work / "executed.txt").exists()


def test_a_configuration_with_a_misspelled_key(failing, work):
    (work / "mine.yaml").write_text("labels:\n  treshold: 0.4\n")
    line = failing("label", "-c", "mine.yaml")
    assert "treshold" in line and "Did you mean 'labels.threshold'?" in line
    assert "--cam.batchsize" in failing("cam", "--cam.batchsize", "4")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("labels:\n  threshold: high\n", "labels.threshold"),
        ("labels: [", "mine.yaml"),
        ("labels: 3\n", "labels"),
        ("cam:\n  scales: []\n", "cam.scales"),
        ("engine:\n  save_every: 0\n", "engine.save_every"),
    ],
)
def test_a_configuration_with_an_impossible_value(failing, work, content, expected):
    (work / "mine.yaml").write_text(content)
    assert expected in failing("label", "-c", "mine.yaml")


def test_a_configuration_that_is_not_there(failing):
    assert "nowhere.yaml" in failing("label", "-c", "nowhere.yaml")


def test_a_stage_file_that_is_damaged(failing, plain_cam, work):
    plain_cam("label")
    truncate(work / "run/labels/plain_cam/stage.json")
    assert "run/labels/plain_cam/stage.json" in failing("score")
    truncate(work / "run/cams/stage.json")
    assert "run/cams/stage.json" in failing("label")


def test_a_device_that_is_not_there(failing):
    assert "device cuda:77" in failing("train", "--out", "new", "--engine.device", "cuda:77")
