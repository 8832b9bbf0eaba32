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
    default = "toy" if script == "reproduce.sh" else "sgan_vgg16_321x321"
    for given, wanted in (
        ([], f"config/{default}.yml"),
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


@pytest.fixture
def run_script(tmp_path, interpreter):
    """Runs a script with the stand-in; returns its exit status and the arguments of every call, in order."""

    def run(script, *arguments, **environment):
        interpreter.write_text(f'#!/usr/bin/env bash\necho "$*" >>{tmp_path}/calls\necho "$1-$2"\n')
        done = subprocess.run(
            ["bash", FOLDER / script, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHON": str(interpreter), "MARKS": "marks", "OUT": "out", **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        calls = tmp_path / "calls"
        return done.returncode, calls.read_text().splitlines() if calls.exists() else []

    return run


def test_reproduce_makes_marks_seeds_label_maps_segmentation_and_report(tmp_path, run_script):
    status, calls = run_script("reproduce.sh", DSRG="1")
    assert status == 0
    programs = [" ".join(call.split()[:2]) for call in calls if not call.startswith(("-c", "tools/paths.py"))]
    # The rest of the marks runs beside the method's stages, so its place is not certain.
    assert programs.count("-m common.chain") == 2
    first = ["-m common.data.toy", "-m common.chain", "tools/stage0/make_init.py --cfg_file"]
    assert programs[0] == first[0] and next(program for program in programs if program in first[1:]) == first[1]
    stages = [program for program in programs[1:] if program != "-m common.chain"]
    seeds = [
        "tools/stage2/infer_cam.py --cfg_file",
        "tools/stage2/make_labels.py --cfg_file",
        "tools/eval_mIoU.py --cfg_file",
    ]
    segmentation = [f"../deeplabv2/main.py {stage}" for stage in ("train", "test", "crf")]
    assert stages == [
        first[2],
        "tools/stage0/make_seeds.py --cfg_file",
        "tools/stage2/train_sgan.py --cfg_file",
        *seeds,
        *seeds,
        *segmentation,
        f"{FOLDER.parent}/deeplabv2/main.py all",
        "-m common.report",
    ]
    assert f"{tmp_path}/out/report.html" in calls[-1] and f"{tmp_path}/marks/baseline" in calls[-1]


def test_reproduce_gives_dataset_and_weights_to_all_that_learns(tmp_path, run_script):
    (tmp_path / "body.pth").touch()
    status, calls = run_script(
        "reproduce.sh", str(FOLDER / "config" / "voc_animals.yml"), ROOT="photographs", WEIGHTS="body.pth"
    )
    assert status == 0
    weights = {call.split()[1]: call for call in calls if f"{tmp_path}/body.pth" in call}
    assert {"common.chain", "train", "all"} <= set(weights)
    stages = [call for call in calls if call.startswith("tools/")]
    assert stages and all(f"--dataset_root {tmp_path}/photographs" in call for call in stages)


def test_reproduce_with_the_paper_s_configuration_makes_no_marks(run_script):
    status, calls = run_script("reproduce.sh", str(FOLDER / "config" / "sgan_vgg16_321x321.yml"))
    assert status == 0 and not any("common.chain" in call for call in calls)
    assert [call.split()[2] for call in calls if call.startswith("-m common.baseline")] == ["train", "cam"]


@pytest.mark.parametrize("script", ["reproduce.sh", "ablation.sh"])
def test_help_runs_nothing(run_script, script):
    assert run_script(script, "--help") == (0, [])


def test_ablation_trains_once_for_variants_that_differ_in_their_seeds_only(tmp_path, run_script):
    status, calls = run_script("ablation.sh", SEEDS="3", VARIANTS="full class_maps no_attention")
    assert status == 0
    trainings = [call for call in calls if "train_sgan.py" in call]
    networks = [call.split("--save_model_path ")[1].split()[0] for call in trainings]
    assert networks == [f"{tmp_path}/out/{name}_seed3" for name in ("full", "full", "no_attention")]
    assert "--body.attention false" in trainings[2] and "--body.attention" not in trainings[0]
    results = {call.split("--res_path ")[1].split()[0] for call in calls if "infer_cam.py" in call}
    assert results == {f"{tmp_path}/out/{name}_seed3" for name in ("full", "class_maps", "no_attention")}


def test_an_unknown_variant_of_the_ablation_is_refused(run_script):
    assert run_script("ablation.sh", VARIANTS="nothing") == (2, [])


@pytest.mark.slow
def test_bench_compares_with_the_published_form(capsys):
    tiny = ["--device", "cpu", "--batch", "1", "--resize", "33", "--width", "0.05", "--steps", "1", "--threads", "1"]
    bench([*tiny, "--attention"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[1:]] == ["published form", "linear attention"]
