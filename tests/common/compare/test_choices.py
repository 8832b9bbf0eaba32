"""Settings of a chain: its own folder, and plain CAM's maps and networks from the chain that it comes after."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from common.bounds import declarations
from common.compare.__main__ import main
from common.compare.choices import Choices, is_guided, method_of_chain, moved_settings, with_last_checkpoints
from common.compare.plan import Chain, Source
from common.errors import ConfigError
from common.method.method import Method
from common.method.plain_cam import METHOD, CamSettings
from common.method.registry import method_names
from common.method.settings import with_values


@pytest.fixture
def choices(tmp_path):
    return Choices("toy", tmp_path / "out", device="cpu", workers=0)


@pytest.mark.parametrize("name", [name for name in method_names() if name != "plain_cam"])
def test_nothing_that_a_method_reads_or_writes_lies_outside_of_the_comparison(name, choices):
    before = Path.cwd()
    settings = choices.settings(Chain(name, Source(), 0, "plain_cam/own/seed0"))
    assert Path.cwd() == before
    named = {
        setting: value for setting, value, _ in declarations(settings) if isinstance(value, str) and "runs/" in value
    }
    assert named == {}
    assert Path(settings.data.root) == choices.out / "data"
    assert os.path.commonpath([settings.out, choices.out]) == str(choices.out)


def test_plain_cam_with_another_source_makes_only_what_needs_saliency_maps(choices):
    first, other = Chain("plain_cam", Source(), 0), Chain("plain_cam", Source("b"), 0, "plain_cam/own/seed0")
    rows = [
        {method.labels.row(kind) for kind in method.every_kind(choices.settings(chain))}
        for chain in (first, other)
        for method in [method_of_chain(chain)]
    ]
    assert rows == [{"plain CAM", "CAM x saliency"}, {"CAM x saliency"}]
    assert isinstance(method_of_chain(other), Method) and method_of_chain(first) is METHOD


def test_a_source_is_a_folder_and_what_results_call_it(choices, tmp_path):
    (tmp_path / "maps").mkdir()
    settings = choices.settings(Chain("plain_cam", Source("pfan", tmp_path / "maps"), 0))
    assert (settings.data.saliency, settings.report.saliency_source) == (str(tmp_path / "maps"), "pfan")
    assert is_guided(settings)
    assert not is_guided(CamSettings())


def test_paths_in_a_folder_are_called_as_in_another_one(tmp_path):
    values = {
        "a": str(tmp_path / "old" / "cams"),
        "b": {"c": str(tmp_path / "old"), "d": str(tmp_path / "older")},
        "e": 1,
    }
    moved = moved_settings(values, tmp_path / "old", tmp_path / "new")
    assert moved == {"a": str(tmp_path / "new" / "cams"), "b.c": str(tmp_path / "new")}


def test_a_checkpoint_of_another_length_is_the_last_one_that_is_there(tmp_path):
    for step in (2, 10):
        (tmp_path / f"checkpoint_{step}.pth").touch()
    settings = with_values(CamSettings(), {"backbone.weights": str(tmp_path / "checkpoint_350.pth")})
    assert with_last_checkpoints(settings).backbone.weights == str(tmp_path / "checkpoint_10.pth")
    there = with_values(CamSettings(), {"backbone.weights": str(tmp_path / "checkpoint_2.pth")})
    assert with_last_checkpoints(there) is there


def test_a_run_folder_that_is_the_methods_own_moves_neither_names_nor_configurations(tmp_path: Path) -> None:
    found = Choices("voc", tmp_path).settings(Chain("sgan", Source(), 0, "plain_cam/own/seed0"))
    assert found.out == str(tmp_path / "sgan/own/seed0")
    assert found.cfg_name == "sgan_vgg16_321x321_snet"
    assert found.chain.segmentation == "deeplabv2/configs/voc12_coco_pretrained.yaml"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("tpy", "--data tpy: it is no folder, and .* give toy, voc, coco, voc_animals, or the folder"),
        ("/nowhere/photos", "--data /nowhere/photos: there is no such folder"),
        ("folder", "--data folder needs --root"),
    ],
)
def test_a_dataset_that_is_not_known_is_said_by_its_flag(data: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        main(["--data", data, "--dry-run"])


def test_a_folder_called_as_a_dataset_is_given_as_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "toy").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["--data", "toy", "--root", "toy", "--methods", "plain_cam", "--dry-run"]) == 0
    assert "/toy/plain_cam/own/seed0" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="is a folder already; leave out --root"):
        main(["--data", "./toy", "--root", "toy", "--dry-run"])


def test_methods_without_a_configuration_for_the_dataset_are_left_out_by_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--data", "coco", "--root", "coco", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "left out, as they have no configuration coco.yaml: " in said
    left_out = said.splitlines()[0].partition("yaml: ")[2].split(", ")
    chains = [line.partition("/")[0] for line in said.splitlines()[1:]]
    assert chains[0] == "plain_cam" and left_out
    assert sorted([*chains, *left_out]) == sorted(method_names())
