"""Training with the published networks and losses, end to end on a handful of generated images."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from common.engine.metric_file import read_metrics
from common.errors import ConfigError
from deeplabv2.main import main
from deeplabv2.networks.registry import bare_network
from deeplabv2.networks.settings import NetworkConfig
from tests.guards.source import ROOT


@pytest.fixture(scope="module")
def initial(tmp_path_factory):
    """A container of weights of the small network's body, of the published form."""
    path = tmp_path_factory.mktemp("init") / "init.pth"
    torch.save(bare_network(NetworkConfig("DeepLabV1_ResNet101", 91, blocks=[1, 1, 1, 1])).state_dict(), path)
    return path


@pytest.fixture
def arguments(toy, tmp_path):
    flags = {
        "out": tmp_path / "out",
        "data.dataset": "toy",
        "data.root": toy,
        "network.n_labels": 7,
        "data.train_list": "train",
        "image.crop_size": 49,
        "network.blocks": "[1,1,1,1]",
        "network.rates": "[1,2]",
        "engine.max_steps": 2,
        "engine.accumulate": 1,
        "engine.log_every": 1,
        "engine.batch_size": 2,
        "engine.workers": 0,
        "engine.device": "cpu",
    }
    return [f"--{name}={value}" for name, value in flags.items()]


def trained(arguments, *flags):
    """The final state dictionary and the records of a training."""
    assert main(["train", *arguments, *flags]) == 0
    out = Path(next(flag for flag in arguments if flag.startswith("--out")).partition("=")[2])
    (final,) = out.rglob("checkpoint_final.pth")
    return torch.load(final, weights_only=True), read_metrics(final.parent / "metrics.jsonl")


def test_a_published_network_trains_from_its_container_and_is_tested(arguments, initial, capsys):
    state, records = trained(arguments, "--weights", str(initial))
    before = torch.load(initial, weights_only=True)
    output = capsys.readouterr().out
    assert "Init:" in output
    assert "initial weights" in output
    assert {key for key in state if "aspp" not in key} == {f"base.{key}" for key in before if not key.startswith("fc.")}
    name = "layer4.block1.conv3x3.conv.weight"
    assert not torch.equal(state[f"base.{name}"], before[name])
    frozen = [key for key in before if ".bn." in key]
    assert all(torch.equal(state[f"base.{key}"], before[key]) for key in frozen)
    assert [record["step"] for record in records] == [1, 2]


def test_a_checkpoint_of_the_published_form_gives_the_same_scores(arguments, tmp_path):
    state, _ = trained(arguments)
    (final,) = tmp_path.rglob("checkpoint_final.pth")
    torch.save({f"module.{name}": tensor for name, tensor in state.items()}, tmp_path / "released.pth")
    scores = []
    for checkpoint in (final, tmp_path / "released.pth"):
        assert main(["test", *arguments, "-m", str(checkpoint), "--force", "--test.long_side=48"]) == 0
        (path,) = tmp_path.rglob("scores*.json")
        scores.append(path.read_text())
        path.unlink()
    assert scores[0] == scores[1]
    assert len(state) == len([name for name in state if name.startswith("base.")])


def test_two_processes_learn_what_one_learns(arguments, tmp_path):
    """With batches of odd size and losses whose pixels are counted per process."""
    flags = ["--loss.name=balanced_ce", "--engine.batch_size=5", "--engine.accumulate=2", "--optimizer.lr=0.01"]
    alone, records = trained(arguments, *flags)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    shared = [*arguments, *flags, f"--out={tmp_path / 'shared'}"]
    subprocess.run([*launcher, "-m", "deeplabv2.main", "train", *shared], cwd=ROOT, check=True, timeout=250)
    (final,) = (tmp_path / "shared").rglob("checkpoint_final.pth")
    for name, tensor in torch.load(final, weights_only=True).items():
        torch.testing.assert_close(tensor, alone[name], rtol=1e-4, atol=1e-6, msg=name)
    for ours, theirs in zip(records, read_metrics(final.parent / "metrics.jsonl"), strict=True):
        for name in (name for name in ours if name.startswith("map")):
            assert theirs[name] == pytest.approx(ours[name], rel=1e-4)


@pytest.mark.parametrize(
    ("loss", "terms"),
    [
        ("balanced_ce", {"map0_background", "map0_foreground"}),
        ("focal", {"map0"}),
        ("self_training", {"map0", "map0_own"}),
    ],
)
def test_every_loss_trains(arguments, loss, terms):
    _, records = trained(arguments, f"--loss.name={loss}", "--network.pyramid=[]")
    assert {name for name in records[-1] if name.startswith("map")} == terms


def test_a_container_of_weights_is_not_trained(arguments):
    with pytest.raises(ConfigError, match="only holds initial weights"):
        main(["train", *arguments, "--network.name=DeepLabV1_ResNet101"])


def test_an_unknown_network_lists_the_known_ones(arguments):
    with pytest.raises(ConfigError, match="DeepLabV2_VGG16_MSC"):
        main(["train", *arguments, "--network.name=DeepLabV4"])


def test_labels_that_are_all_ignored_are_named_and_harm_nothing(arguments, toy, tmp_path, capsys):
    labels = tmp_path / "labels"
    labels.mkdir()
    for path in (toy / "SegmentationClass").glob("train_*.png"):
        Image.fromarray(np.full(Image.open(path).size[::-1], 255, np.uint8)).save(labels / path.name)
    state, _ = trained(arguments, f"--label-dir={labels}", "--loss.name=balanced_ce")
    assert all(torch.isfinite(tensor).all() for tensor in state.values())
    assert "is ignored: it teaches nothing" in capsys.readouterr().err
