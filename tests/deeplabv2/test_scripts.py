"""The shell scripts run from any directory and pass on what they are given; ``main.py all`` does the rest."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.commands import Command, Imported, parse_command
from common.config import SHORTCUTS, available
from deeplabv2.main import COMMANDS, main

FOLDER = Path(__file__).parents[2] / "deeplabv2"
SEEDS = FOLDER.parent / "sgan" / "segmentation" / "run.sh"
SCRIPTS = {kind: FOLDER / f"run_voc12_{kind}_pretrained.sh" for kind in ("coco", "imagenet")}


@pytest.fixture
def interpreter(tmp_path):
    """Stands for python: writes down where it was called with which arguments; fails at the argument FAIL."""
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
    done, calls = run(SCRIPTS[kind], tmp_path, interpreter, "--seed", "1")
    assert done.returncode == 0, done.stderr
    recipe = str(FOLDER / "configs" / f"voc12_{kind}_pretrained.yaml")
    assert calls == [[str(tmp_path), f"{FOLDER}/main.py", "all", recipe, "--seed", "1"]]


def test_seeds_are_trained_on_as_sgan_does_it(tmp_path, interpreter):
    _, calls = run(SEEDS, tmp_path, interpreter, "own.yaml", "--label-dir", "seeds")
    recipe = str(FOLDER / "configs" / "sgan_voc12.yaml")
    assert calls == [[str(tmp_path), f"{FOLDER}/main.py", "all", recipe, "own.yaml", "--label-dir", "seeds"]]


@pytest.mark.parametrize("script", [*SCRIPTS.values(), SEEDS])
def test_a_failure_is_that_of_the_script(tmp_path, interpreter, script):
    done, _ = run(script, tmp_path, interpreter, FAIL="all")
    assert done.returncode == 7


def test_settings_come_from_the_environment_and_paths_begin_where_the_user_is(tmp_path, monkeypatch):
    values = {"LABEL_DIR": "my labels", "ROOT": "/voc", "OUT": "out", "ID": "x", "METHOD": "my method", "JOBS": "3"}
    for variable, value in {**values, "INIT_MODEL": "init.pth"}.items():
        monkeypatch.setenv(variable, value)
    (tmp_path / "own.yaml").write_text(f"base: {FOLDER}/configs/voc12.yaml\n")
    (tmp_path / "init.pth").touch()
    monkeypatch.chdir(tmp_path)
    config = parse_command("main.py all", COMMANDS["all"], ["default.yaml", "own.yaml", "--seed", "1", "-m", "net.pth"])
    assert (config.label_dir, config.data.root, config.out) == (f"{tmp_path}/my labels", "/voc", f"{tmp_path}/out")
    assert (config.experiment, config.report.method, config.engine.processes) == ("x", "my method", 3)
    assert (config.network.weights, config.checkpoint) == (f"{tmp_path}/init.pth", f"{tmp_path}/net.pth")
    assert config.engine.seed == 1 and Path.cwd() == FOLDER.parent


def test_train_test_and_crf_run_in_one_command(toy, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUT", "out")
    small = ["--max-steps", "1", "--engine.batch_size", "2", "--workers", "0", "--device", "cpu"]
    assert main(["all", str(FOLDER / "configs" / "toy.yaml"), "--root", str(toy), *small]) == 0
    assert (tmp_path / "out" / "scores" / "toy" / "deeplabv2_msc" / "val" / "scores_crf.json").is_file()


@pytest.mark.parametrize("script", [*SCRIPTS.values(), FOLDER / "run_recipe.sh", SEEDS])
def test_help_says_what_can_be_set(script):
    done = subprocess.run(["bash", str(script), "--help"], capture_output=True, text=True, check=True)
    assert "--label-dir" in done.stdout and "LABEL_DIR" in done.stdout and "GPUS" in done.stdout


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if isinstance(command, Command)])
def test_settings_that_are_imported_later_have_all_that_shared_flags_set(name):
    command = COMMANDS[name]
    assert isinstance(command, Command) and isinstance(command.settings, Imported)
    assert available(SHORTCUTS, command.settings.thing) == dict(SHORTCUTS)
    assert callable(command.run.thing if isinstance(command.run, Imported) else command.run)


def test_a_help_page_does_not_wait_for_torch():
    program = "import sys; from deeplabv2.main import main; main(['train', '--help']); print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "--label-dir" in said.stdout and said.stdout.splitlines()[-1] == "False"
