"""Short flags stand for settings, help is readable, mistakes are named, paths begin where the user is."""

import contextlib
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from common import commands
from common.commands import SHARED, Command, Flag, Program, parse_command, run_commands
from common.config import SHORTCUTS
from common.config_files import Renamed
from common.data.layout import DataConfig
from common.engine.settings import EngineConfig
from common.errors import ConfigError


@dataclass
class Settings:
    """Train something.

    Args:
        out: folder of outputs.
        force: redo what is there.
        label_dir: folder of label maps.
        weights: initial weights.
        data: the dataset.
        engine: how it runs.
    """

    out: str = "runs/x"
    force: bool = False
    label_dir: str = ""
    weights: str = ""
    data: DataConfig = field(default_factory=DataConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)


@dataclass
class Small:
    """Pack something.

    Args:
        out: the archive.
    """

    out: str = "x.tgz"


FLAGS = (
    Flag(("--label-dir",), "--label_dir", "FOLDER", "train on these masks"),
    Flag(("--weights",), "--weights", "WEIGHTS", "a file, or imagenet"),
    Flag(("--save-png",), "", "", "they are written in any case"),
)
ALIASES = {"SOLVER.ITER_MAX": "engine.max_steps", "NAME": Renamed("data.dataset", str.lower), "AVERAGE": None}


def made(**changes):
    return Command("Train.", Settings, lambda settings: 0, FLAGS, ALIASES, **changes)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("engine: {max_steps: 7}\n")
    return str(path)


def test_every_shared_flag_has_a_help_and_every_shared_setting_is_that_of_parse_config():
    names = [name for flag in SHARED for name in flag.names if name not in ("-c", "--config")]
    assert sorted(names) == sorted(SHORTCUTS)
    for flag in SHARED:
        assert {SHORTCUTS.get(name, "--config") for name in flag.names} == {flag.setting}


@pytest.mark.parametrize(
    ("arguments", "setting", "value"),
    [
        (["--label-dir", "x"], "label_dir", "x"),
        (["--cpu"], "engine.device", "cpu"),
        (["--device=cuda"], "engine.device", "cuda"),
        (["-j", "3"], "engine.processes", 3),
        (["--n-jobs=3"], "engine.processes", 3),
        (["--max-steps", "3"], "engine.max_steps", 3),
        (["--SOLVER.ITER_MAX", "3"], "engine.max_steps", 3),
        (["--NAME", "TOY", "--AVERAGE", "20"], "data.dataset", "toy"),
        (["--seed", "3", "--save-png"], "engine.seed", 3),
        (["--workers", "3"], "engine.workers", 3),
        (["--root", "x"], "data.root", "x"),
        (["--out", "x"], "out", "x"),
        (["--force"], "force", True),
        ([], "engine.max_steps", 7),
    ],
)
@pytest.mark.parametrize("first", [["-c"], ["--config-path"], ["--cfg_file"], [], ["none.yaml"]])
def test_a_short_flag_is_a_setting_and_a_configuration_may_come_first(config, first, arguments, setting, value):
    found = parse_command("main.py train", made(), [*first, config, *arguments])
    for part in setting.split("."):
        found = getattr(found, part)
    assert found == value


def test_help_lists_the_flags_that_a_command_has(capsys):
    commands = {
        "train": made(environment={"LABEL_DIR": "--label-dir"}),
        "pack": Command("Pack.", Small, lambda settings: 0),
        "bench": Program("Time it.", lambda arguments: len(arguments)),
    }
    assert run_commands("main.py", commands, ["--help"]) == 0
    overview = capsys.readouterr().out
    assert all(word in overview for word in ("train", "pack", "bench", "Time it."))
    assert run_commands("main.py", commands, ["train", "--help-all"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for flag in (*FLAGS, *SHARED) for name in flag.names)
    assert "LABEL_DIR for --label-dir" in text
    assert max(map(len, text.splitlines())) <= 120
    run_commands("main.py", commands, ["pack", "-h"])
    text = capsys.readouterr().out
    assert "--out" in text and "--seed" not in text
    assert run_commands("main.py", commands, ["bench", "a", "b"]) == 2


def test_all_settings_are_explained_on_request(capsys):
    with pytest.raises(SystemExit):
        parse_command("main.py", made(), ["--help-settings"])
    assert "--data.val_list" in capsys.readouterr().out


def test_a_flag_of_its_own_takes_the_place_of_a_shared_one():
    command = Command("Pack.", Settings, lambda settings: 0, (Flag(("--out",), "--label_dir", "FILE", "archive"),))
    settings = parse_command("main.py", command, ["--out", "x", "--engine.seed", "1"])
    assert (settings.out, settings.label_dir) == ("runs/x", "x")


def test_an_error_names_the_flag_that_was_typed():
    command = Command("Pack.", Small, lambda settings: 0, find_config=lambda settings: None)
    with pytest.raises(ConfigError, match="main.py pack: .*--seed"):
        parse_command("main.py pack", command, ["--seed", "1"])


@pytest.mark.parametrize("arguments", [["other"], [], ["--seed"]])
def test_an_unknown_command_lists_the_known_ones(arguments):
    with pytest.raises(ConfigError, match=r"main.py train \| test"):
        run_commands("main.py", {"train": made(), "test": made()}, arguments)


def test_a_command_needs_a_configuration_or_settings():
    with pytest.raises(ConfigError, match="main.py train needs a configuration: -c CONFIG"):
        parse_command("main.py train", made(), ["--cpu"])
    assert parse_command("main.py train", made(), ["--engine.seed=3"]).engine.seed == 3


def test_a_configuration_is_found_where_none_is_given(config, capsys):
    command = made(find_config=lambda settings: Path(config) if settings.label_dir else None)
    assert parse_command("main.py train", command, ["--label-dir", "x"]).engine.max_steps == 7
    assert f"Config: {config}" in capsys.readouterr().out
    assert parse_command("main.py train", command, ["--cpu"]).engine.max_steps == 20000
    assert parse_command("main.py train", command, [config, "--max-steps", "1"]).engine.max_steps == 1


def test_a_missing_gpu_is_said(config, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert parse_command("main.py", made(), [config, "--cuda"]).engine.device == "auto"
    assert "no GPU found" in capsys.readouterr().err


def test_the_environment_gives_what_flags_do_not(config, monkeypatch):
    command = made(environment={"LABEL_DIR": "--label-dir", "OUT": "--out", "SEED": "--seed"})
    for variable, value in {"LABEL_DIR": "my labels", "OUT": "out", "SEED": ""}.items():
        monkeypatch.setenv(variable, value)
    settings = parse_command("main.py", command, [config, "--out", "other"])
    assert (settings.label_dir, settings.out, settings.engine.seed) == ("my labels", "other", 0)


@pytest.mark.parametrize(("gpus", "launched"), [("2", True), ("1", False), ("", False)])
def test_several_gpus_share_the_work(config, monkeypatch, gpus, launched):
    seen = []
    monkeypatch.setenv("GPUS", gpus)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setattr(commands, "run_in_processes", lambda words, number: seen.append((words, number)) or 3)
    monkeypatch.setattr(sys, "argv", ["deeplabv2/main.py"])
    ends = pytest.raises(SystemExit, match="3") if launched else contextlib.nullcontext()
    with ends:
        run_commands("main.py", {"all": made(environment={"OUT": "--out"})}, ["all", config, "--seed", "1"])
    assert seen == [(["deeplabv2/main.py", "all", config, "--seed", "1"], 2)] * launched


def test_gpus_that_is_no_number_is_said(config, monkeypatch):
    monkeypatch.setenv("GPUS", "all")
    with pytest.raises(ConfigError, match="GPUS is 'all'; give a whole number"):
        run_commands("main.py", {"all": made(environment={"OUT": "--out"})}, ["all", config])


def test_paths_of_flags_begin_where_the_user_is_and_those_of_files_in_the_folder(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "own.yaml").write_text("out: runs/of_file\nlabel_dir: labels\n")
    (tmp_path / "here" / "net.pth").touch()
    monkeypatch.setenv("LABEL_DIR", "my labels")
    command = made(folder=tmp_path, environment={"LABEL_DIR": "--label-dir"})
    for weights, expected in (("net.pth", f"{tmp_path}/here/net.pth"), ("imagenet", "imagenet")):
        monkeypatch.chdir(tmp_path / "here")
        settings = parse_command("main.py", command, ["own.yaml", "--root=../data", "--weights", weights])
        assert Path.cwd() == tmp_path
        assert settings.data.root == f"{tmp_path}/here/../data"
        assert (settings.label_dir, settings.out) == (f"{tmp_path}/here/my labels", "runs/of_file")
        assert settings.weights == expected
