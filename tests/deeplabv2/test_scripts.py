"""The shell scripts run from any directory, pass on what they are given and stop at the first error."""

import os
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "deeplabv2"
SCRIPTS = {kind: FOLDER / f"run_voc12_{kind}_pretrained.sh" for kind in ("coco", "imagenet")}


@pytest.fixture
def interpreter(tmp_path):
    """Stands for python: writes down where it was called with which arguments; fails in the stage FAIL."""
    path = tmp_path / "python"
    path.write_text(
        '#!/usr/bin/env bash\nprintf "%s|" "$PWD" "$@" >> "$CALLS"; echo >> "$CALLS"\n'
        'for word in "$@"; do if [[ $word == "${FAIL:-}" ]]; then exit 7; fi; done\n'
    )
    path.chmod(0o755)
    return path


def run(script, folder, interpreter, *arguments, **environment):
    calls = folder / "calls"
    calls.unlink(missing_ok=True)
    clean = {name: value for name, value in os.environ.items() if name not in ("ROOT", "OUT", "ID", "JOBS", "GPUS")}
    done = subprocess.run(
        ["bash", str(script), *arguments],
        cwd=folder,
        env={**clean, "PYTHON": str(interpreter), "CALLS": str(calls), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = calls.read_text().splitlines() if calls.exists() else []
    return done, [line.rstrip("|").split("|") for line in lines]


@pytest.mark.parametrize("kind", SCRIPTS)
def test_all_stages_run_with_the_recipe_from_any_directory(tmp_path, interpreter, kind):
    done, calls = run(SCRIPTS[kind], tmp_path, interpreter)
    assert done.returncode == 0, done.stderr
    recipe = str(FOLDER / "configs" / f"voc12_{kind}_pretrained.yaml")
    assert [call[1:] for call in calls] == [
        ["deeplabv2/main.py", stage, "-c", recipe] for stage in ("train", "test", "crf")
    ]
    assert {call[0] for call in calls} == {str(FOLDER.parent)}


def test_settings_come_from_the_environment_and_from_flags(tmp_path, interpreter):
    settings = {"LABEL_DIR": "my labels", "ROOT": "/voc", "OUT": "out", "ID": "x", "METHOD": "my method", "JOBS": "3"}
    _, calls = run(SCRIPTS["coco"], tmp_path, interpreter, "own.yaml", "--seed", "1", **settings)
    common = ["-c", f"{tmp_path}/own.yaml", "--label-dir", f"{tmp_path}/my labels", "--root", "/voc"]
    common += ["--EXP.OUTPUT_DIR", f"{tmp_path}/out", "--EXP.ID", "x", "--EXP.METHOD", "my method", "--seed", "1"]
    assert [call[2:] for call in calls] == [["train", *common], ["test", *common], ["crf", *common, "-j", "3"]]


def test_several_gpus_share_the_work(tmp_path, interpreter):
    _, calls = run(SCRIPTS["imagenet"], tmp_path, interpreter, GPUS="2")
    assert calls[0][1:6] == ["-m", "torch.distributed.run", "--nproc_per_node", "2", "deeplabv2/main.py"]


@pytest.mark.parametrize(("stage", "expected"), [("train", 1), ("test", 2), ("crf", 3)])
def test_the_first_stage_that_fails_ends_the_run(tmp_path, interpreter, stage, expected):
    done, calls = run(SCRIPTS["coco"], tmp_path, interpreter, FAIL=stage)
    assert (done.returncode, len(calls)) == (7, expected)


@pytest.mark.parametrize("script", [*SCRIPTS.values(), FOLDER / "run_recipe.sh"])
def test_help_says_how_to_call_it(tmp_path, interpreter, script):
    done, calls = run(script, tmp_path, interpreter, "--help")
    assert (done.returncode, calls) == (0, [])
    assert f"bash deeplabv2/{script.name}" in done.stdout
