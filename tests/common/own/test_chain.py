"""What the segmentation network learns from, without and with true masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from common.data.palette import write_label_map
from common.errors import ConfigError
from common.files import write_json
from common.method.command import command_of, settings_of
from common.method.registry import PLAIN_CAM, config_for, find_method
from common.method.segmentation import Job
from common.own import chain
from common.own.chain import MASK_FOLDER, require_own_results, run_chain, with_saliency_if_there
from common.own.dataset import write_dataset
from common.own.photographs import Photographs
from common.own.true_masks import TrueMasks

NAMES = ("a", "b", "c")


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any, list[Any]]:
    """Plain CAM, its settings, and what was called: how far the chain, and trainings of the segmentation network by itself."""
    for name in NAMES:
        file = tmp_path / "photos" / f"{name}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(file)
    photographs = Photographs(tmp_path / "photos", dict.fromkeys(NAMES, ("cat",)), ("cat",), "tags", (), ())
    write_dataset(tmp_path / "dataset", photographs, (["a", "b"], ["c"]), {})
    method = with_saliency_if_there(find_method(PLAIN_CAM), saliency=False)
    given = [
        "-c",
        str(config_for(method, "folder")),
        "--out",
        str(tmp_path / "run"),
        "--root",
        str(tmp_path / "dataset"),
    ]
    given += ["--labels.choose_threshold", "fixed"]
    settings = settings_of("test", command_of(method, ""), given)
    labels = method.labels.folder(method.every_kind(settings)[-1])
    for name in ("a", "b"):
        write_label_map(labels / f"{name}.png", np.zeros((4, 6), np.uint8))
    write_json(labels / "stage.json", {"rule": {}})
    called: list[Any] = []

    def train(job: Job) -> int:
        called.append(job)
        return 0

    def made(job: Job, kind: str) -> list[Path]:
        checkpoint = tmp_path / kind / job.experiment / "checkpoint_final.pth"
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.touch()
        return [checkpoint.parent]

    monkeypatch.setattr(Job, "run", train)
    monkeypatch.setattr(Job, "outputs", made)
    monkeypatch.setattr(chain, "require_inputs", lambda requirements: None)
    monkeypatch.setattr(chain, "reproduce", lambda method, settings, until: called.append(until))
    return method, settings, called


def test_without_true_masks_the_chain_trains_it(prepared: tuple[Any, Any, list[Any]], tmp_path: Path) -> None:
    method, settings, called = prepared
    _, labels = run_chain(method, settings, tmp_path / "out")
    assert called == ["segmentation"] and labels == method.labels.folder(method.every_kind(settings)[-1])


def test_with_true_masks_it_is_trained_beside_the_chain(prepared: tuple[Any, Any, list[Any]], tmp_path: Path) -> None:
    method, settings, called = prepared
    # c was held back.
    for name in ("b", "c"):
        write_label_map(tmp_path / "true" / f"{name}.png", np.ones((4, 6), np.uint8))
    true = TrueMasks(tmp_path / "true", tmp_path / "true", "label maps", ("b", "c"), "digest", ())
    checkpoint, labels = run_chain(method, settings, tmp_path / "out", true)
    until, job = called
    assert until == "labels" and job.label_folder == labels and labels.parent.parent == tmp_path / "out"
    assert job.row.endswith(", 1 true masks") and job.experiment.endswith(labels.parent.name)
    assert checkpoint.parent.name == job.experiment
    assert [np.asarray(Image.open(labels / f"{name}.png")).max() for name in ("a", "b")] == [0, 1]


def test_masks_of_other_label_maps_are_refused_before_anything_is_trained(
    prepared: tuple[Any, Any, list[Any]], tmp_path: Path
) -> None:
    method, settings, _ = prepared
    require_own_results(method, settings, tmp_path / "out", crf=True)
    write_json(tmp_path / "out" / MASK_FOLDER / "stage.json", {"crf": {"iterations": 10}})
    require_own_results(method, settings, tmp_path / "out", crf=True)
    other = with_saliency_if_there(find_method(PLAIN_CAM), saliency=True)
    with pytest.raises(ConfigError, match="holds the masks of another method.*another --out, or --force"):
        require_own_results(other, settings, tmp_path / "out", crf=True)


@pytest.mark.parametrize(
    ("record", "crf", "words"),
    [
        ({"crf": {"iterations": 10}}, False, "was made with the CRF. To have the masks without it, move masks"),
        ({"crf": None}, True, "was made without the CRF. To have the masks with it, move masks"),
        ({}, True, "was made without the CRF"),
    ],
)
def test_masks_with_and_without_the_crf_are_not_mixed(
    prepared: tuple[Any, Any, list[Any]], tmp_path: Path, record: dict[str, Any], crf: bool, words: str
) -> None:
    method, settings, _ = prepared
    write_json(tmp_path / "out" / MASK_FOLDER / "stage.json", record)
    require_own_results(method, settings, tmp_path / "out", crf=not crf)
    with pytest.raises(ConfigError, match=words):
        require_own_results(method, settings, tmp_path / "out", crf=crf)
