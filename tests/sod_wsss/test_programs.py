"""The programs of the saliency network and of the selector, from a folder of images and masks to maps and tables."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from common.data.images import read_saliency
from common.data.palette import write_label_map
from common.data.toy import ToyConfig, make_saliency_dataset, make_toy
from common.errors import CheckpointError, ConfigError, DataError
from sod_wsss import SOD_train, make_saliency, measure_prediction, measure_selection

# As in the paper's README, but for a small network on a few images.
PUBLISHED = (
    *("--backbone", "resnet18", "--max_epoch", "2", "--lr", "1e-4", "--train_batch", "2", "--decay_epoch", "1"),
    *("--gamma", "0.5", "--gpu_id", "1", "--edge_loss", "1", "--cache-mode", "part", "--workers", "0"),
)
SMALL = ("--sod.square_side", "32", "--sod.encoder.width", "0.125", "--sod.encoder.weights", "", "--device", "cpu")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with ``dataset/TR`` and a finished training in ``log``, validated on two images."""
    folder = tmp_path_factory.mktemp("sod")
    make_saliency_dataset(folder / "dataset/TR", ToyConfig(n_train=4, size=40, seed=1))
    make_saliency_dataset(folder / "dataset/benchmark/TE", ToyConfig(n_train=2, size=40, seed=2))
    roots = ("--train_root", str(folder / "dataset"), "--val_root", str(folder / "dataset/benchmark"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert SOD_train.main(argv=[*PUBLISHED, *roots, "--log_path", "log", *SMALL]) == 0
    return folder


def test_the_published_command_trains_and_keeps_the_best_epoch(trained):
    run = trained / "log/AnyNet-resnet18"
    scores = json.loads((run / "validation.json").read_text())
    assert list(scores) == ["2", "4"] and all(set(one) == {"mae", "soft_iou"} for one in scores.values())
    best = torch.load(run / "ckpt/Best_mae_test.pth", weights_only=True)
    assert any(name.startswith("PATM1.") for name in best) and any(name.startswith("encoder.") for name in best)


def test_maps_of_any_folder_lie_beside_the_images_at_their_sizes(trained, tmp_path, capsys):
    (tmp_path / "images/inner").mkdir(parents=True)
    for name, size in (("a.jpg", (50, 30)), ("inner/b.png", (20, 64))):
        Image.new("RGB", size, (90, 120, 30)).save(tmp_path / "images" / name)
    command = [str(tmp_path), "--network", str(trained / "log/AnyNet-resnet18"), "--device", "cpu", "--workers", "0"]
    assert make_saliency.main(command) == 0
    assert read_saliency(tmp_path / "Sal/a.png").shape == (30, 50)
    assert read_saliency(tmp_path / "Sal/inner/b.png").shape == (64, 20)
    assert make_saliency.main(command) == 0
    assert "0 written, 2 already there" in capsys.readouterr().out


def test_without_images_or_a_network_it_says_what_is_missing(trained, tmp_path):
    with pytest.raises(DataError, match="there is no folder .*nowhere"):
        make_saliency.main([str(tmp_path / "nowhere"), "--network", str(trained / "log/AnyNet-resnet18")])
    with pytest.raises(CheckpointError, match="there is no trained network .*last.pth; train it to its end"):
        make_saliency.main([str(tmp_path), "--network", str(tmp_path)])


def test_labels_before_and_after_the_selection_are_tables(tmp_path, capsys):
    make_toy(tmp_path / "data", ToyConfig(n_train=6, n_val=1, size=40))
    for mask in (tmp_path / "data/SegmentationClass").glob("train_*.png"):
        write_label_map(tmp_path / "labels" / mask.name, np.asarray(Image.open(mask)))
    common = ["--root", str(tmp_path / "data"), "--dataset", "toy"]
    assert measure_selection.main([*common, "--labels", f"true={tmp_path / 'labels'}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "| before | 100.00 | 100.00 | 100.00 | 100.00 | 0 % |" in lines
    assert "| 1 | 100.00 | 100.00 | 100.00 | 100.00 | 0 % |" in lines
    assert sum(line.startswith("| 0.") for line in lines) == 10
    with pytest.raises(ConfigError, match="write NAME=FOLDER"):
        measure_selection.main([*common, "--labels", "labels"])
    with pytest.raises(ConfigError, match="has no class unicorn"):
        measure_selection.main([*common, "--score-classes", "unicorn", "--labels", "a=labels"])


def test_batches_and_single_images_give_the_same_maps_in_the_bench(capsys):
    assert (
        measure_prediction.main(["--encoder", "resnet18", "--images", "2", "--batch-size", "2", "--repeats", "1"]) == 0
    )
    assert "times faster" in capsys.readouterr().out
