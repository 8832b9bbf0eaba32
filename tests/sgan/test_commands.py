"""The published commands from inside the folder, and the scripts from anywhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.config import parse_config
from common.method.settings import find_config
from sgan.method import METHOD, seed_label_folder
from sgan.settings import SGAN_KEYS, SganSettings

FOLDER = Path(__file__).parents[2] / "sgan"
CONFIGS = sorted(file.name for file in (FOLDER / "config").glob("*.yml"))
ENTRIES = {
    "train.sh": "tools/stage2/train_sgan.py",
    "infer.sh": "tools/stage2/infer_cam.py",
    "eval.sh": "tools/eval_mIoU.py",
    "stage0.sh": "-m common.method sgan classifier make_init make_seeds",
    "reproduce.sh": "-m common.method sgan reproduce",
    "ablation.sh": "-m common.method sgan ablation",
}
MISSING = "does not exist; put the dataset there or set root to where it lies."


def run(*command, folder, **environment):
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command, cwd=folder, env={**clean, **environment}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", ["tools/stage2/train_sgan.py", "tools/stage2/infer_cam.py", "tools/eval_mIoU.py"])
def test_published_commands_start_from_inside_the_folder_without_an_installation(command):
    given = ["--cfg_file", "config/sgan_vgg16_321x321.yml", "--dataset_root", "nowhere"]
    done = run(sys.executable, command, *given, folder=FOLDER)
    assert (done.returncode, done.stderr.strip()) == (2, f"error: dataset folder nowhere {MISSING}")


def test_every_other_command_explains_itself():
    commands = ["stage0/make_init.py", "stage0/make_seeds.py", "stage2/make_labels.py", "bench.py", "eval_mIoU.py"]
    shown = [run(sys.executable, f"tools/{command}", "--help", folder=FOLDER).stdout for command in commands]
    assert [command for command, text in zip(commands, shown, strict=True) if "--root FOLDER" not in text] == []


@pytest.mark.parametrize("name", CONFIGS)
def test_every_configuration_is_read_and_says_its_command(name):
    file = FOLDER / "config" / name
    parse_config(SganSettings, ["-c", str(file)], program="test", aliases=SGAN_KEYS)
    first = file.read_text().splitlines()[0]
    assert "bash sgan/" in first or "tools/stage2" in first or "wsss own" in first


def test_a_second_configuration_changes_only_what_it_says():
    given = [f"--cfg_file={FOLDER / 'config' / name}" for name in ("toy.yml", "dense.yml", "semi_8.yml")]
    config = parse_config(SganSettings, given, program="test", aliases=SGAN_KEYS)
    assert (config.labels.at, config.labels.overruled, config.semi.share) == ("image", ["all"], 0.125)
    assert seed_label_folder(config).name == "toy_masks_1_8_dense_labels"


@pytest.mark.parametrize(
    "name", ["toy.yml", "voc_animals.yml", "sgan_vgg16_321x321.yml", "sgan_vgg16_coco_321x321.yml"]
)
def test_the_chain_of_a_configuration_names_files_that_are_there(name, monkeypatch):
    config = parse_config(SganSettings, ["-c", str(FOLDER / "config" / name)], program="test", aliases=SGAN_KEYS)
    monkeypatch.chdir(METHOD.home)
    for named in (config.chain.reference, config.chain.segmentation, config.chain.dsrg, config.stage0.config):
        assert not named or find_config(named).is_file()


@pytest.mark.parametrize("script", ENTRIES)
def test_scripts_hand_on_configuration_and_flags_from_anywhere(tmp_path, script):
    interpreter = tmp_path / "python"
    interpreter.write_text('#!/usr/bin/env bash\necho "$PWD: $PYTHONPATH: $*"\n')
    interpreter.chmod(0o755)
    done = run("bash", FOLDER / script, "own.yml", "--max_iter", "5", folder=tmp_path, PYTHON=str(interpreter))
    assert done.returncode == 0, done.stderr
    place, paths, arguments = done.stdout.strip().split(": ")
    assert place == str(tmp_path)
    assert arguments.endswith(f"{ENTRIES[script]} own.yml --max_iter 5")
    assert arguments.startswith(f"{FOLDER}/tools") or paths.split(":")[0] == str(FOLDER.parent)


def test_a_script_reads_its_configuration_and_dataset_where_the_user_is(tmp_path):
    (tmp_path / "own.yml").write_text("dataset_name: toy\nsal_subdir: ''\n")
    done = run("bash", FOLDER / "train.sh", "own.yml", "--root", "data", folder=tmp_path)
    assert (done.returncode, done.stderr.strip()) == (2, f"error: dataset folder {tmp_path}/data {MISSING}")
