"""A run folder and a dataset that were moved go on from another working directory; data of other content are refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
import yaml

from common.errors import ConfigError
from common.method.__main__ import main
from common.method.settings import TOP
from common.models.backbones import BackboneConfig, build_backbone

MADE = (".png", ".npz", ".npy")


@pytest.fixture
def moved(work, monkeypatch):
    """``moved(source, target)``: the run and the dataset of ``work`` under other names elsewhere, and another working directory."""
    (work / "mount/sets").mkdir(parents=True)
    (work / "elsewhere").mkdir()
    shutil.move(work / "run", work / "elsewhere/renamed run")
    shutil.move(work / "data", work / "mount/sets/toy")
    monkeypatch.chdir(work / "elsewhere")
    return ["--out", "renamed run/", "--root", str(work / "mount/sets/toy")]


def made_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in MADE or path.name == "checkpoint_final.pth"
    }


def test_every_stage_of_a_moved_run_continues(plain_cam, moved, work, capsys):
    (work / "elsewhere/renamed run/cams/train_0002.npz").unlink()
    for stage in ("train", "cam", "label", "score", "pictures"):
        assert plain_cam(stage, *moved) == 0
    assert "cam: 1 written, 3 already there, 0 failed" in capsys.readouterr().out


def test_a_training_that_was_stopped_continues_to_the_same_weights_after_a_move(plain_cam, work, monkeypatch):
    flags = ["--engine.save_every", "1"]
    assert plain_cam("train", *flags, "--out", "half", "--engine.stop_at", "1") == 0
    assert plain_cam("train", *flags, "--out", "whole") == 0
    shutil.move(work / "data", work / "dataset")
    shutil.move(work / "half", work / "second half")
    (work / "link").symlink_to(work / "dataset")
    monkeypatch.chdir("/")
    assert plain_cam("train", *flags, "--out", str(work / "second half"), "--root", str(work / "link")) == 0
    ends = [
        torch.load(work / name / "checkpoints/checkpoint_2.pth", weights_only=True)["model"]
        for name in ("second half", "whole")
    ]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[1])


@pytest.mark.parametrize("what", ["list", "tags"])
def test_data_of_other_content_are_refused_whatever_their_place(plain_cam, work, what):
    file = {"list": work / "data/ImageSets/Segmentation/train.txt", "tags": work / "data/tags.csv"}[what]
    lines = file.read_text().splitlines()
    name, _, words = lines[1].partition(",")
    other = [*lines[1:], lines[0]] if what == "list" else [lines[0], f"{name},", *lines[2:]]
    assert plain_cam("train") == 0
    if what == "tags":
        known = set(" ".join(line.partition(",")[2] for line in lines[1:]).split())
        other[1] = f"{name},{(known - set(words.split())).pop()}"
    file.write_text("\n".join(other) + "\n")
    with pytest.raises(ConfigError, match=f"the {what}.*: other content"):
        plain_cam("train")
    shutil.move(work / "data", work / "moved")
    with pytest.raises(ConfigError, match=f"the {what}.*: other content"):
        plain_cam("train", "--root", "moved")


def test_weights_are_known_by_their_content(plain_cam, work):
    network = build_backbone(BackboneConfig(name="resnet18", width=0.25))
    torch.save(network.state_dict(), work / "first.pth")
    flags = ["--out", "new", "--backbone.weights"]
    assert plain_cam("train", *flags, "first.pth") == 0
    shutil.move(work / "first.pth", work / "moved.pth")
    assert plain_cam("train", *flags, "moved.pth") == 0
    assert plain_cam("cam", *flags, str(work / "moved.pth")) == 0
    torch.save({name: tensor + 1 for name, tensor in network.state_dict().items()}, work / "moved.pth")
    with pytest.raises(ConfigError, match=r"backbone\.weights: other content"):
        plain_cam("train", *flags, "moved.pth")


def test_saliency_maps_of_another_folder_are_refused_and_moved_ones_taken(plain_cam, work):
    label = ["label", "--labels.background", "saliency", "--data.saliency"]
    assert plain_cam(*label, "Sal") == 0
    shutil.copytree(work / "data/Sal", work / "copied")
    shutil.move(work / "data/Sal", work / "moved maps")
    assert plain_cam(*label, "moved maps") == 0
    (work / "copied/train_0000.png").write_bytes((work / "copied/train_0001.png").read_bytes() + b"other")
    with pytest.raises(ConfigError, match="saliency"):
        plain_cam(*label, "copied")


def test_a_chain_that_was_moved_half_way_gives_what_one_at_its_place_gives(work, tiny, monkeypatch, capsys):
    segmentation = {
        "base": str(TOP / "deeplabv2/configs/toy.yaml"),
        "engine": {"max_steps": 2, "batch_size": 2, "device": "cpu", "workers": 0},
        "test": {"batch_size": 2},
    }
    (work / "deeplab.yaml").write_text(yaml.safe_dump(segmentation))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def chain(out: str, root: str, *flags: str) -> int:
        flags = ("--chain.segmentation", str(work / "deeplab.yaml"), "--label_crf", "false", *flags)
        return main(
            ["plain_cam", "reproduce", str(tiny), "--out", out, "--root", root, "--report.pictures", "1", *flags]
        )

    shutil.copytree(work / "data", work / "unmoved/data")
    for name, until in (("unmoved", "segmentation"), (".", "labels")):
        monkeypatch.chdir(work / name)
        assert chain("chain", "data", "--until", until) == 0
    (work / "far/away").mkdir(parents=True)
    shutil.move(work / "chain", work / "far/chain of another name")
    shutil.move(work / "data", work / "far/dataset")
    monkeypatch.chdir(work / "far/away")
    capsys.readouterr()
    assert chain("../chain of another name", "../dataset/") == 0
    assert "cam: 0 written, 4 already there, 0 failed" in capsys.readouterr().out
    there, here = made_in(work / "unmoved/chain"), made_in(work / "far/chain of another name")
    assert there == {name: content for name, content in here.items() if name != "picture.png"}
    assert any("deeplabv2/features" in name for name in here)
    shutil.move(work / "far", work / "again")
    monkeypatch.chdir(work)
    capsys.readouterr()
    assert chain("again/chain of another name", "again/dataset") == 0
    said = capsys.readouterr().out
    assert "test: 0 written, 2 already there" in said and "crf: 0 written, 2 already there" in said
