"""The shell scripts run from any directory and hand what they are given to the method's commands."""

import os
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "l2g_cda"
STAGES = {
    "train_test_L2G_voc.sh": ("voc", ["train", "random_walk"]),
    "train_l2g_sal_voc.sh": ("voc", ["base"]),
    "test_l2g_voc.sh": ("voc", ["cam"]),
    "gen_gt_voc.sh": ("voc", ["label", "score"]),
    "train_l2g_sal_coco.sh": ("coco", ["train"]),
    "test_l2g_coco.sh": ("coco", ["cam"]),
    "gen_gt_coco.sh": ("coco", ["label", "score"]),
}


@pytest.fixture
def call(tmp_path):
    """Runs a script with a stand-in for python; gives the script's status, and the arguments of the stand-in."""
    stand_in = tmp_path / "python"
    stand_in.write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$@" > "$CALLS"\nexit "${STATUS:-0}"\n')
    stand_in.chmod(0o755)

    def run(name, *arguments, **environment):
        calls = tmp_path / "calls"
        done = subprocess.run(
            ["bash", str(FOLDER / name), *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHON": str(stand_in), "CALLS": str(calls)} | environment,
            capture_output=True,
            check=False,
        )
        return done.returncode, calls.read_text().splitlines()

    return run


@pytest.mark.parametrize("name", STAGES)
def test_every_script_runs_its_stages_with_the_papers_configuration(call, name):
    config, stages = STAGES[name]
    recipe = str(FOLDER / "configs" / f"{config}.yaml")
    assert call(name) == (0, [str(FOLDER / "main.py"), *stages, recipe])


@pytest.mark.parametrize("word", ["reproduce", "ablation"])
def test_the_chain_and_the_ablation_are_commands_of_the_method(call, word):
    assert call(f"{word}.sh", "own.yaml") == (0, ["-m", "common.method", "l2g_cda", word, "own.yaml"])


def test_a_configuration_and_flags_are_passed_on(call):
    _, arguments = call("test_l2g_voc.sh", "own.yaml", "--seed", "3")
    assert arguments[-3:] == ["own.yaml", "--seed", "3"]


def test_the_status_is_that_of_the_command(call):
    assert call("train_test_L2G_voc.sh", STATUS="7")[0] == 7
