"""The comparison of outputs: it finds what is equal wherever it lies, and one changed tensor, pixel or score."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from common.data.palette import write_label_map
from common.errors import CheckpointError, DataError
from common.files import write_json
from tests.guards.source import ROOT
from tests.same_numbers import main

CHECKPOINT = "toy/train/checkpoints/checkpoint_3.pth"
RESULTS = "toy/results.json"


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """A tiny folder of outputs: a checkpoint, a published network, three label maps, pictures, two records."""
    folder = tmp_path / "before"
    (folder / CHECKPOINT).parent.mkdir(parents=True)
    model = {"body.weight": torch.arange(6.0).reshape(2, 3), "body.count": torch.tensor(3), "head.bias": torch.zeros(2)}
    torch.save({"format": 1, "step": 3, "config": {}, "model": model, "optimizer": optimizer()}, folder / CHECKPOINT)
    torch.save({"epoch": 1, "state_dict": model}, folder / "toy/published.pth")
    for name in ("first", "second", "third"):
        write_label_map(folder / f"toy/labels/{name}.png", np.arange(12, dtype=np.uint8).reshape(3, 4))
        write_label_map(folder / f"toy/examples/{name}.png", np.zeros((3, 4), np.uint8))
    write_json(folder / RESULTS, {"results": [record("floor", 30.0, 0.0), record("SGAN", 70.0, None)]})
    return folder


def optimizer() -> dict[str, Any]:
    states = {index: {"step": torch.tensor(3.0), "exp_avg": torch.ones(2) * index} for index in range(3)}
    return {"state": states, "param_groups": [{"name": "body", "params": [0, 1, 2]}]}


def record(method: str, background: float, kite: float | None) -> dict[str, Any]:
    place = {"method": method, "stage": "seed", "dataset": "toy", "split": "train", "seed": 0, "commit": "abc"}
    present = [value for value in (background, kite) if value is not None]
    return {**place, "miou": sum(present) / len(present), "class_iou": {"background": background, "kite": kite}}


@pytest.fixture
def after(before: Path) -> Path:
    """A copy of the outputs."""
    return Path(shutil.copytree(before, before.with_name("after")))


def change_checkpoint(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = torch.load(folder / CHECKPOINT, weights_only=True)
    change(content)
    torch.save(content, folder / CHECKPOINT)


def differences(before: Path, after: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of what has no equal, their spaces as one."""
    status = main([str(before), str(after)])
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    found = [line.removeprefix("DIFFERENT ") for line in lines if line.startswith("DIFFERENT")]
    assert status == (1 if found else 0)
    assert lines[-1] == (f"{len(found)} of 5 outputs of BEFORE have no equal" if found else "no number changed")
    return found


def test_equal_outputs_are_found_in_another_layout(
    before: Path, after: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.move(after / "toy", after / "runs")
    shutil.move(after / "runs/labels", after / "pseudo")
    (after / "pseudo/stage.json").write_text("{}")
    assert differences(before, after, capsys) == []


def test_other_names_of_tensors_and_groups_are_said(
    before: Path, after: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def rename(content: dict[str, Any]) -> None:
        content["model"] = {name.replace("body", "backbone"): tensor for name, tensor in content["model"].items()}
        content["optimizer"]["param_groups"][0]["name"] = "backbone"
        content["config"] = {"engine": 3}

    change_checkpoint(after, rename)
    assert main([str(before), str(after)]) == 0
    assert "checkpoints: 2 of 2 equal, 1 of them up to names" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["model"]["body.weight"][1].add_(0.25), "1 of 9 tensors differ: body.weight by 0.25"),
        (lambda c: c["model"]["body.count"].add_(1), "1 of 9 tensors differ: body.count by 1"),
        (lambda c: c["model"].update({"head.bias": torch.zeros(2).double()}), "1 of 9 tensors differ: head.bias by 0"),
        (lambda c: c["optimizer"]["state"][2]["exp_avg"].mul_(2), "1 of 9 tensors differ: optimizer.2.exp_avg by 2"),
        (lambda c: c["optimizer"]["state"].pop(2), "2 tensors gone, e.g. optimizer.2.exp_avg"),
        (lambda c: c.update(step=4), "step 3 became 4"),
    ],
)
def test_a_changed_checkpoint_is_found(
    before: Path, after: Path, capsys: pytest.CaptureFixture[str], change: Callable[[dict[str, Any]], object], said: str
) -> None:
    change_checkpoint(after, change)
    assert differences(before, after, capsys) == [f"{CHECKPOINT} at the same place: {said}"]


def test_a_changed_pixel_is_found(before: Path, after: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = np.arange(12, dtype=np.uint8).reshape(3, 4)
    changed[2, 1] = 255
    write_label_map(after / "toy/labels/second.png", changed)
    assert differences(before, after, capsys) == [
        "toy/labels at the same place: 2.778 % of the pixels differ, in 1 of 3 files"
    ]


def test_a_missing_label_map_is_found(before: Path, after: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (after / "toy/labels/third.png").unlink()
    assert differences(before, after, capsys) == ["toy/labels at the same place: 1 files gone, e.g. third"]


def test_pictures_for_people_are_not_compared(before: Path, after: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (after / "toy/examples/third.png").unlink()
    assert differences(before, after, capsys) == []


def test_a_changed_score_is_found(before: Path, after: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(after / RESULTS, {"results": [record("floor", 30.0, 0.5), record("SGAN", 70.0, None)]})
    assert differences(before, after, capsys) == [
        "toy: floor, seed, toy, train, seed 0 at the same place: 2 of 3 scores differ: kite by 0.5, mIoU by 0.25"
    ]


def test_a_record_under_another_name_is_found(before: Path, after: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(after / RESULTS, {"results": [record("floor", 30.0, 0.0), record("SGAN, new", 70.0, None)]})
    (line,) = differences(before, after, capsys)
    assert line.endswith("a record of another method, stage, dataset, split or seed, with the same scores")


def test_what_is_nowhere_is_said(before: Path, after: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(after / "toy")
    assert [line.endswith("there is none") for line in differences(before, after, capsys)] == [True] * 5


def test_nothing_to_compare_is_an_error(before: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no checkpoint, label map or record"):
        main([str(tmp_path / "empty"), str(before)])
    with pytest.raises(DataError, match="is not a folder"):
        main([str(before), str(tmp_path / "never")])
    (tmp_path / "empty/broken.pth").write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match=r"cannot read .*broken\.pth"):
        main([str(tmp_path / "empty"), str(before)])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="makes worktrees")
def test_the_script_compares_a_revision_with_the_checkout_as_it_is(before: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    for method in ("first", "second"):
        (project / method).mkdir(parents=True)
        script = f"mkdir -p runs/{method} && cp number.json runs/{method}/results.json\n"
        (project / method / "reproduce.sh").write_text(script)
    (project / "tests").mkdir()
    shutil.copy(ROOT / "tests/same_numbers.py", project / "tests")
    shutil.copy(ROOT / "tests/same_numbers.sh", project / "tests")
    (project / "number.json").write_text(json.dumps({"results": [record("SGAN", 70.0, 10.0)]}))
    (project / ".gitignore").write_text("runs/\n")
    for command in ("init -q", "add -A", "-c user.name=a -c user.email=a commit -q -m first"):
        subprocess.run(["git", *command.split()], cwd=project, check=True)
    assert run_script(project).returncode == 0
    (project / "number.json").write_text(json.dumps({"results": [record("SGAN", 71.0, 10.0)]}))
    done = run_script(project)
    assert done.returncode == 1
    assert done.stdout.count("mIoU by 0.5") == 2
    status = subprocess.run(["git", "status", "--short"], cwd=project, capture_output=True, text=True, check=True)
    assert status.stdout == " M number.json\n"


def run_script(project: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", project / "tests/same_numbers.sh", "HEAD", "runs/out"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
    )
