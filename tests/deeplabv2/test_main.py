"""train, test and crf on a handful of generated images, and what bad input gets."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from common.data.toy import ToyConfig, make_toy
from common.errors import CheckpointError, ConfigError, DataError
from common.report.results import read_results
from deeplabv2.main import main

CONFIG = "deeplabv2/configs/toy.yaml"


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    root = tmp_path_factory.mktemp("toy")
    make_toy(root, ToyConfig(n_train=10, n_val=4))
    return root


@pytest.fixture(scope="module")
def arguments(toy, tmp_path_factory, pytestconfig):
    out = tmp_path_factory.mktemp("out")
    config = str(pytestconfig.rootpath / CONFIG)
    small = ["--SOLVER.ITER_MAX", "2", "--SOLVER.BATCH_SIZE.TRAIN", "4", "--workers", "0", "--device", "cpu"]
    return ["-c", config, "--root", str(toy), "--EXP.OUTPUT_DIR", str(out), *small]


@pytest.fixture(scope="module")
def trained(arguments):
    assert main(["train", *arguments]) == 0
    return arguments


def output(arguments, kind, split):
    out = arguments[arguments.index("--EXP.OUTPUT_DIR") + 1]
    (found,) = Path(out).glob(f"{kind}/*/*/{split}")
    return found


def test_training_writes_the_plain_state_dictionary(trained):
    state = torch.load(output(trained, "models", "train") / "checkpoint_final.pth", weights_only=True)
    assert all(key.startswith("base.") for key in state)


def test_test_and_crf_write_label_maps_and_the_published_scores(trained):
    assert main(["test", *trained]) == 0
    assert main(["crf", *trained]) == 0
    features, scores = output(trained, "features", "val"), output(trained, "scores", "val")
    assert len(list((features / "label").glob("*.png"))) == 4
    assert len(list((features / "crf").glob("*.png"))) == 4
    logits = np.load(next((features / "logit").glob("*.npy")))
    assert logits.dtype == np.float32
    assert logits.shape == (7, 12, 12)
    for name in ("scores.json", "scores_crf.json"):
        assert 0 <= json.loads((scores / name).read_text())["Mean IoU"] <= 1
    stages = [result.stage for result in read_results(scores / "results.json")]
    assert {"DeepLab-v2", "DeepLab-v2 + CRF"} <= set(stages)


def test_a_finished_training_is_not_repeated(trained):
    checkpoint = next((output(trained, "models", "train") / "checkpoints").glob("*.pth"))
    before = checkpoint.stat().st_mtime_ns
    assert main(["train", *trained]) == 0
    assert checkpoint.stat().st_mtime_ns == before


def test_predictions_of_another_checkpoint_are_not_mixed_with_those_there(trained, tmp_path):
    main(["test", *trained])
    state = torch.load(output(trained, "models", "train") / "checkpoint_final.pth", weights_only=True)
    other = {key: value + 1 if value.is_floating_point() else value for key, value in state.items()}
    torch.save(other, tmp_path / "other.pth")
    with pytest.raises(ConfigError, match="checkpoint"):
        main(["test", *trained, "-m", str(tmp_path / "other.pth")])


def test_an_unreadable_image_is_named_the_others_are_predicted_and_the_status_is_1(trained, toy, tmp_path, capsys):
    damaged = tmp_path / "damaged"
    shutil.copytree(toy, damaged)
    image = sorted((damaged / "JPEGImages").glob("val_*"))[1]
    image.write_bytes(image.read_bytes()[:300])
    features = tmp_path / "out"
    model = output(trained, "models", "train") / "checkpoint_final.pth"
    changed = [*trained, "--root", str(damaged), "--EXP.OUTPUT_DIR", str(features), "-m", str(model)]
    assert main(["test", *changed]) == 1
    assert image.stem in capsys.readouterr().err
    assert len(list(features.rglob("label/*.png"))) == 3
    assert not list(features.rglob("scores.json"))


@pytest.mark.parametrize(
    ("command", "extra", "error", "message"),
    [
        ("train", ["--label-dir", "no/such/folder", "--EXP.ID", "new"], DataError, "no/such/folder"),
        ("train", ["--DATASET.N_CLASSES", "21"], ConfigError, "N_CLASSES is 21"),
        ("train", ["--SOLVER.LRR", "1"], ConfigError, "Did you mean"),
        ("train", ["--root", "no/such/data"], DataError, "no/such/data"),
        ("test", ["-m", "no/such.pth"], CheckpointError, "no/such.pth"),
        ("crf", ["--EXP.ID", "never_tested"], DataError, "run test first"),
    ],
)
def test_what_is_missing_or_misspelled_is_named(arguments, command, extra, error, message):
    with pytest.raises(error, match=message):
        main([command, *arguments, *extra])


def test_an_unknown_command_lists_the_known_ones():
    with pytest.raises(ConfigError, match="train"):
        main(["predicted"])


def test_a_checkpoint_of_another_network_is_refused_by_name(arguments, tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"conv.weight": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match=r"other\.pth"):
        main(["test", *arguments, "-m", str(path)])


@pytest.mark.parametrize(("damage", "message"), [("size", "mask is"), ("value", "has the value 9")])
def test_a_training_mask_of_another_size_or_with_an_unknown_label_is_named(arguments, toy, tmp_path, damage, message):
    labels = tmp_path / "labels"
    shutil.copytree(toy / "SegmentationClass", labels)
    wrong = np.zeros((30, 96), np.uint8) if damage == "size" else np.full((96, 96), 9, np.uint8)
    for path in labels.glob("train_*.png"):
        Image.fromarray(wrong).save(path)
    with pytest.raises(DataError, match=message):
        main(["train", *arguments, "--EXP.OUTPUT_DIR", str(tmp_path / "out"), "--label-dir", str(labels)])
