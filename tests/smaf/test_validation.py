"""Validation as the training does it: one pass, probabilities against a background of 0.2."""

import dataclasses
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from common.cam.inference import CamConfig
from common.commands import parse_command
from common.cores import torch_threads
from common.data.images import read_label_map
from common.data.palette import write_label_map
from common.errors import CheckpointError, ConfigError
from common.files import write_torch
from common.metrics.confusion import confusion_matrix
from common.metrics.scores import compute_scores
from common.models.backbones import BackboneConfig
from smaf.network import build_network, smaf_content
from smaf.validation import VALIDATE, ValidationInference, ignored_as_background

CLASSES = {"a": [0], "b": [0, 11], "c": [14]}
TINY = """
data: {dataset: vocaug}
backbone: {name: resnet18, width: 0.05, frozen_stages: 0}
engine: {workers: 0, device: cpu}
"""


class ProbabilitiesAsGiven(nn.Module):
    def class_maps(self, images):
        return self.maps.expand(len(images), -1, -1, -1)


def label_map(probabilities, keys, size):
    """The label map of an image whose classes have the given probabilities everywhere."""
    network = ProbabilitiesAsGiven()
    network.register_buffer("maps", torch.tensor(probabilities)[None, :, None, None].expand(-1, -1, 2, 2))
    sample = {"keys": np.array(keys, np.int64), "size": size, "pyramid": [torch.zeros(3, *size)]}
    inference = ValidationInference(network, CamConfig(scales=[1.0], flip=False), torch.device("cpu"))
    return inference([sample])[0]


@pytest.mark.parametrize(
    ("probabilities", "keys", "label"),
    [
        ([0.3, 0.6], [0, 1], 2),
        ([0.3, 0.6], [0], 1),
        ([0.3, 0.3], [0, 1], 1),
        ([0.15, 0.1], [0, 1], 0),
        ([0.3, 0.6], [], 0),
    ],
)
def test_the_strongest_tagged_class_wins_above_the_background(probabilities, keys, label):
    found = label_map(probabilities, keys, (5, 7))
    np.testing.assert_array_equal(found, np.full((5, 7), label, np.uint8))


def test_ignored_pixels_become_background_and_nothing_else_changes():
    truth = np.array([[0, 255], [254, 3]], np.uint8)
    np.testing.assert_array_equal(ignored_as_background(truth), [[0, 0], [254, 3]])
    np.testing.assert_array_equal(ignored_as_background(truth, 254), [[0, 255], [0, 3]])
    assert truth[0, 1] == 255


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """``data``, VOC with an image in the official training list and three in all, and an untrained network's file."""
    folder = tmp_path_factory.mktemp("validation")
    rng = np.random.default_rng(0)
    for name, classes in CLASSES.items():
        image = rng.integers(0, 256, (36, 44, 3), np.uint8)
        (folder / "data" / "JPEGImages").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / "data" / "JPEGImages" / f"{name}.jpg"), image)
        mask = np.zeros((36, 44), np.uint8)
        mask[8:28, 8:30], mask[8:28, 6:8] = classes[-1] + 1, 255
        write_label_map(folder / "data" / "SegmentationClassAug" / f"{name}.png", mask)
    lists = folder / "data" / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    for name, ids in {"train": "a\nb\n", "train_aug": "a\nb\nc\n", "val": "c\n"}.items():
        (lists / f"{name}.txt").write_text(ids)
    names = ("aeroplane", "aeroplane dog", "person")
    rows = [f"{image},{tags}" for image, tags in zip(CLASSES, names, strict=True)]
    (folder / "data" / "tags.csv").write_text("\n".join(rows) + "\n")
    torch.manual_seed(0)
    backbone = BackboneConfig(name="resnet18", width=0.05, output_stride=8, freeze_batchnorm=True)
    network = build_network(backbone, 20, "projection")
    # The features are not negative, so that the first class is above the background.
    network.head.fc8.weight.data[0] = 1
    (folder / "tiny.yaml").write_text(TINY)
    write_torch(folder / "logdir/proda_model/checkpoint_cls_finally.pth", smaf_content(network, 1, None))
    return folder


def validate(work, *flags):
    """The status of the command."""
    arguments = ["tiny.yaml", "--root", "data", "--out", "logdir", *flags]
    with torch_threads(1):
        return VALIDATE.run(parse_command("validate.py", dataclasses.replace(VALIDATE, folder=None), arguments))


def test_on_voc_the_official_training_list_is_scored(work, capsys):
    assert validate(work) == 0
    assert "2 images of train.txt, ignored pixels left out" in capsys.readouterr().out
    folder = work / "logdir/proda_model/validation/last"
    assert sorted(path.stem for path in folder.glob("*.png")) == ["a", "b"]


def test_another_list_can_be_named(work, capsys):
    assert validate(work, "--val_list", "val") == 0
    assert "1 images of val.txt" in capsys.readouterr().out


@pytest.mark.parametrize(("flags", "lost"), [([], 255), (["--ignored_as_background"], 0)])
def test_scores_are_those_of_the_label_maps(work, capsys, flags, lost):
    assert validate(work, *flags) == 0
    folder = work / "logdir/proda_model/validation/last"
    matrix = np.zeros((21, 22), np.int64)
    for name in ("a", "b"):
        truth = read_label_map(work / "data/SegmentationClassAug" / f"{name}.png")
        truth[truth == 255] = lost
        matrix += confusion_matrix(truth, read_label_map(folder / f"{name}.png"), 21)
    scores = compute_scores(matrix, over="all")
    assert (
        f"overall accuracy {100 * scores.pixel_accuracy:.2f}, mean accuracy {100 * scores.mean_accuracy:.2f}, "
        f"mean IoU {100 * scores.mean_iou:.2f}, frequency-weighted accuracy {100 * scores.frequency_weighted_iou:.2f}"
    ) in capsys.readouterr().out
    written = json.loads((folder / "scores.json").read_text())
    assert written["Mean IoU"] == scores.mean_iou
    assert written["ignored"] == ("left out" if lost else "counted as background")
    found = {label for name in ("a", "b") for label in np.unique(read_label_map(folder / f"{name}.png")).tolist()}
    assert found <= {0, 1, 12} and 1 in found


def test_a_given_network_has_a_folder_of_its_own(work):
    shutil.move(work / "logdir/proda_model/checkpoint_cls_finally.pth", work / "middle.pth")
    assert validate(work, "--checkpoint", "middle.pth") == 0
    assert (work / "logdir/proda_model/validation/middle/scores.json").is_file()


def test_without_a_network_the_stage_to_run_is_named(work):
    Path("logdir/proda_model/checkpoint_cls_finally.pth").unlink()
    with pytest.raises(CheckpointError, match="run the stage round1 first"):
        validate(work)


def test_the_baseline_gives_no_probabilities(work):
    with pytest.raises(ConfigError, match="head cls"):
        validate(work, "--head", "cls", "--rounds", "0")
