"""train, test and crf one after the other, and what bad input gets."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from common.errors import CheckpointError, ConfigError, DataError
from common.files import read_json
from common.report.results import read_results
from deeplabv2.main import main


@pytest.fixture(scope="module")
def chain(settings, checkpoint):
    """Flags with which a training has been done."""
    return [*settings, "--out", str(checkpoint.parents[4])]


def test_training_writes_the_plain_state_dictionary(checkpoint):
    state = torch.load(checkpoint, weights_only=True)
    assert all(key.startswith("base.") for key in state)


def test_train_test_and_crf_take_the_same_flags(chain, checkpoint):
    assert main(["test", *chain, "--save-png"]) == 0
    assert main(["crf", *chain]) == 0
    out = checkpoint.parents[4]
    (features,) = (out / "features").glob("*/*/val")
    (scores,) = (out / "scores").glob("*/*/val")
    assert len(list((features / "label").glob("*.png"))) == 4
    assert len(list((features / "crf").glob("*.png"))) == 4
    for name in ("scores.json", "scores_crf.json"):
        assert 0 <= json.loads((scores / name).read_text())["Mean IoU"] <= 1
    stages = [result.stage for result in read_results(scores / "results.json")]
    assert {"DeepLab-v2", "DeepLab-v2 + CRF"} <= set(stages)


@pytest.mark.parametrize("form", ["training", "module"])
def test_other_forms_of_a_checkpoint_give_the_same_label_maps(arguments, checkpoint, features, tmp_path, form):
    main(["test", *arguments])
    before = {path.name: path.read_bytes() for path in (features / "label").glob("*.png")}
    other = checkpoint.parent / "checkpoints" / "checkpoint_2.pth"
    if form == "module":
        other = tmp_path / "parallel.pth"
        torch.save({f"module.{key}": value for key, value in torch.load(checkpoint, weights_only=True).items()}, other)
    assert main(["test", *arguments, "-m", str(other), "--force"]) == 0
    assert {path.name: path.read_bytes() for path in (features / "label").glob("*.png")} == before


def test_a_finished_training_is_not_repeated(chain, checkpoint):
    (last,) = (checkpoint.parent / "checkpoints").glob("checkpoint_2.pth")
    before = last.stat().st_mtime_ns
    assert main(["train", *chain]) == 0
    assert last.stat().st_mtime_ns == before


def test_predictions_of_another_checkpoint_are_not_mixed_with_those_there(arguments, checkpoint, tmp_path):
    main(["test", *arguments])
    state = torch.load(checkpoint, weights_only=True)
    other = {key: value + 1 if value.is_floating_point() else value for key, value in state.items()}
    torch.save(other, tmp_path / "other.pth")
    with pytest.raises(ConfigError, match="checkpoint"):
        main(["test", *arguments, "-m", str(tmp_path / "other.pth")])


@pytest.mark.parametrize("command", ["test", "crf"])
def test_an_unreadable_image_is_named_the_others_are_done_and_the_status_is_1(
    arguments, toy, tmp_path, capsys, command
):
    damaged = tmp_path / "damaged"
    shutil.copytree(toy, damaged)
    image = sorted((damaged / "JPEGImages").glob("val_*"))[1]
    image.write_bytes(image.read_bytes()[:300])
    assert main([command, *arguments, "--root", str(damaged)]) == 1
    assert image.stem in capsys.readouterr().err
    assert len(list((tmp_path / "out").rglob("*.png"))) == 3
    (results,) = (tmp_path / "out").rglob("results.json")
    assert {(record["n_images"], record["left_out"]) for record in read_json(results)["results"]} == {(3, 1)}


@pytest.mark.parametrize(
    ("command", "extra", "error", "message"),
    [
        ("train", ["--label-dir", "no/such/folder", "--experiment", "new"], DataError, "no/such/folder"),
        ("train", ["--network.n_labels", "21"], ConfigError, "n_labels is 21"),
        ("test", ["--network.n_labels", "21"], ConfigError, "n_labels is 21"),
        ("train", ["--optimizer.lrr", "1"], ConfigError, "Did you mean"),
        ("train", ["--root", "no/such/data"], DataError, "no/such/data"),
        ("test", ["-m", "no/such.pth"], CheckpointError, "no/such.pth"),
        ("test", [], CheckpointError, "train first"),
        ("test", ["--split", "trainaug"], DataError, "trainaug"),
        ("crf", ["-m", "no/such.pth"], CheckpointError, "no/such.pth"),
        ("crf", ["--experiment", "never_tested"], DataError, "run test first"),
    ],
)
def test_what_is_missing_or_misspelled_is_named(settings, tmp_path, command, extra, error, message):
    with pytest.raises(error, match=message):
        main([command, *settings, "--out", str(tmp_path), *extra])


def test_an_unknown_command_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"train \| test \| crf \| all \| predict \| submit"):
        main(["predicted"])


@pytest.mark.parametrize("command", ["train", "test", "crf", "submit"])
def test_a_command_without_a_configuration_asks_for_one(command):
    with pytest.raises(ConfigError, match="-c CONFIG"):
        main([command, "--cpu"])


def test_a_checkpoint_of_another_network_is_refused_by_name(arguments, tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"conv.weight": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match=r"other\.pth"):
        main(["test", *arguments, "-m", str(path)])


@pytest.mark.parametrize(("damage", "message"), [("size", "mask is"), ("value", "has the value 9")])
def test_a_training_mask_of_another_size_or_with_an_unknown_label_is_named(settings, toy, tmp_path, damage, message):
    labels = tmp_path / "labels"
    shutil.copytree(toy / "SegmentationClass", labels)
    wrong = np.zeros((30, 96), np.uint8) if damage == "size" else np.full((96, 96), 9, np.uint8)
    for path in labels.glob("train_*.png"):
        Image.fromarray(wrong).save(path)
    with pytest.raises(DataError, match=message):
        main(["train", *settings, "--out", str(tmp_path / "out"), "--label-dir", str(labels)])
