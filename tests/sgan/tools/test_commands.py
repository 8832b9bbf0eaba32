"""The published commands from inside the folder, and the scripts from anywhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sgan.bench import bench
from sgan.settings import parse_settings
from sgan.tools.paths import main as paths
from tests.sgan.conftest import TINY

FOLDER = Path(__file__).parents[3] / "sgan"
CONFIGS = sorted(file.name for file in (FOLDER / "config").glob("*.yml"))


@pytest.mark.parametrize("command", ["tools/stage2/train_sgan.py", "tools/stage2/infer_cam.py", "tools/eval_mIoU.py"])
def test_published_commands_start_from_inside_the_folder_without_an_installation(command):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    given = ["--cfg_file", "config/sgan_vgg16_321x321.yml", "--dataset_root", "nowhere"]
    done = subprocess.run(
        [sys.executable, command, *given], cwd=FOLDER, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert (
        done.stderr.strip()
        == "error: dataset folder nowhere does not exist; put the dataset there or set root to where it lies."
    )


@pytest.mark.parametrize("name", CONFIGS)
def test_every_configuration_is_read_and_says_its_command(name):
    file = FOLDER / "config" / name
    parse_settings(["--cfg_file", str(file)], "test")
    assert "bash sgan/" in file.read_text().splitlines()[0] or "tools/stage2" in file.read_text().splitlines()[0]


def test_a_second_configuration_changes_only_what_it_says():
    given = [f"--cfg_file={FOLDER / 'config' / name}" for name in ("toy.yml", "dense.yml", "semi_8.yml")]
    config = parse_settings(given, "test")
    assert (config.seeds.at, config.seeds.overruled, config.semi.share) == ("image", ["all"], 0.125)
    assert config.seed_folder.name == "toy_masks_1_8_dense"


def test_scripts_are_told_where_things_lie(work, capsys):
    paths(["labels", *TINY])
    assert capsys.readouterr().out.strip() == str(work / "result" / "tiny_seedcam_0.25_labels")


@pytest.fixture
def interpreter(tmp_path):
    """Stands for python: prints where it was called with which arguments."""
    path = tmp_path / "python"
    path.write_text('#!/usr/bin/env bash\necho "$PWD: $*"\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("script", ["train.sh", "infer.sh", "eval.sh", "stage0.sh", "reproduce.sh"])
def test_scripts_run_from_anywhere_with_an_optional_configuration(tmp_path, interpreter, script):
    environment = {**os.environ, "PYTHON": str(interpreter), "MARKS": str(tmp_path)}
    for given, wanted in (
        ([], "config/sgan_vgg16_321x321.yml"),
        (["own.yml", "--max_iter", "5"], "own.yml --max_iter 5"),
    ):
        done = subprocess.run(
            ["bash", FOLDER / script, *given],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        mine = [line for line in done.stdout.splitlines() if line.partition(": ")[2].startswith("tools/")]
        start = str(tmp_path if given else FOLDER)
        assert mine
        assert all(f"--cfg_file {start}/{wanted}" in line for line in mine)
        assert {line.partition(": ")[0] for line in mine} == {str(FOLDER)}


@pytest.mark.slow
def test_bench_compares_with_the_published_form(capsys):
    tiny = ["--device", "cpu", "--batch", "1", "--resize", "33", "--width", "0.05", "--steps", "1", "--threads", "1"]
    bench([*tiny, "--attention"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[1:]] == ["published form", "linear attention"]
