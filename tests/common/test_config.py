from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Literal

import pytest

from common.config import config_to_dict, parse_config, write_yaml
from common.config_files import Renamed, flatten, read_yaml
from common.errors import ConfigError


@dataclass
class Engine:
    """How it runs.

    Args:
        max_steps: optimiser steps of the whole training.
        seed: decides everything random.
        precision: fp32 or bf16.
    """

    max_steps: int = 100
    seed: int = 0
    precision: Literal["fp32", "bf16"] = "fp32"

    def __post_init__(self) -> None:
        if self.max_steps < 1:
            raise ConfigError(f"engine.max_steps must be at least 1, not {self.max_steps}")


@dataclass
class Settings:
    """Train a tiny network.

    Args:
        run: folder of the run.
        force: redo what is there.
        area: least and greatest share.
        scales: factors.
        engine: the engine.
    """

    run: str = "runs/tiny"
    force: bool = False
    lr: float = 0.1
    area: tuple[float, float] = (0.5, 1.0)
    scales: list[float] = field(default_factory=list)
    engine: Engine = field(default_factory=Engine)


def parse(*arguments):
    return parse_config(Settings, arguments, program="tiny")


@pytest.fixture
def yaml(tmp_path):
    """Writes a YAML file and returns its path."""

    def write(text, name="file.yaml"):
        (tmp_path / name).write_text(text, encoding="latin-1")
        return str(tmp_path / name)

    return write


def test_without_arguments_the_defaults_count():
    assert parse() == Settings()


def test_files_and_flags_set_values_of_every_type(yaml):
    path = yaml("lr: 1e-3\narea: [0.1, 0.2]\nengine:\n  precision: bf16\n")
    config = parse("-c", path, "--scales", "[0.5, 2]", "--run", "runs/x", "--engine.seed=3")
    assert config == Settings(
        run="runs/x", lr=1e-3, area=(0.1, 0.2), scales=[0.5, 2.0], engine=Engine(seed=3, precision="bf16")
    )


def test_a_later_file_wins_over_an_earlier_one_and_leaves_the_rest_of_it(yaml):
    first = yaml("run: a\nengine:\n  max_steps: 5\n  seed: 1\n", "first.yaml")
    second = yaml("engine:\n  max_steps: 6\n", "second.yaml")
    config = parse("-c", first, f"--config={second}")
    assert (config.run, config.engine.max_steps, config.engine.seed) == ("a", 6, 1)
    assert parse("-c", second, "-c", first).engine.max_steps == 5


def test_flags_win_over_files_wherever_they_stand(yaml):
    path = yaml("engine:\n  max_steps: 5\n")
    assert parse("--engine.max_steps", "7", "-c", path).engine.max_steps == 7
    assert parse("-c", path, "--engine.max_steps", "7").engine.max_steps == 7


def test_shortcuts_are_spellings_of_the_same_setting():
    assert parse("--max-steps", "7", "--seed=3").engine == Engine(max_steps=7, seed=3)
    config = parse_config(Settings, ["--steps=9"], program="tiny", shortcuts={"--steps": "--engine.max_steps"})
    assert config.engine.max_steps == 9


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(["--force"], True), (["--force", "--seed", "1"], True), (["--force", "false"], False), (["--force=true"], True)],
)
def test_a_switch_needs_no_value(arguments, expected):
    assert parse(*arguments).force is expected


def test_without_a_list_of_arguments_those_of_the_process_count(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["tiny", "--seed", "4"])
    assert parse_config(Settings, None, program="tiny").engine.seed == 4


@pytest.mark.parametrize("flag", ["--engine.max_stepz", "--engine.max_step", "--max-stepz", "--engin.max_steps"])
def test_a_misspelled_flag_is_an_error_with_the_nearest_key(flag):
    with pytest.raises(ConfigError, match=r"^tiny: .*Did you mean 'engine\.max_steps'\?$"):
        parse(flag, "5")


@pytest.mark.parametrize("text", ["engine:\n  max_stepz: 5\n", "engin:\n  max_steps: 5\n"])
def test_a_misspelled_key_of_a_file_is_an_error_with_the_nearest_key(yaml, text):
    with pytest.raises(ConfigError, match=r"Did you mean 'engine\.max_steps'\?$"):
        parse("-c", yaml(text))


def test_a_key_that_resembles_none_is_an_error_with_all_keys():
    with pytest.raises(ConfigError, match=r"Known keys: run, force, lr, area, scales, engine\.max_steps, engine\.seed"):
        parse("--zzz", "5")


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--engine.max_steps", "many"),
        ("--engine.precision", "fp8"),
        ("--lr", "fast"),
        ("--area", "[1]"),
        ("--force", "x"),
    ],
)
def test_a_value_of_the_wrong_type_is_an_error_that_names_the_key_and_the_value(flag, value):
    with pytest.raises(ConfigError, match=flag[2:]) as caught:
        parse(flag, value)
    assert value.strip("[]") in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["engine:\n  seed: one\n", "engine:\n  seed:\n"])
def test_a_wrong_or_absent_value_in_a_file_is_an_error_that_names_the_key(yaml, text):
    with pytest.raises(ConfigError, match=r"engine\.seed"):
        parse("-c", yaml(text))


@pytest.mark.parametrize("text", ["engine: 3\n", "engine:\n"])
def test_a_section_that_is_a_single_value_is_an_error_that_names_file_and_section(yaml, text):
    with pytest.raises(ConfigError, match=r"file\.yaml: engine is a section"):
        parse("-c", yaml(text))


@pytest.mark.parametrize("text", [None, "run: [\n", "- run\n", "", "!!python/object/apply:os.getcwd []\n", "é: 1"])
def test_a_file_that_holds_no_settings_is_an_error_that_names_it(yaml, tmp_path, text):
    path = yaml(text) if text is not None else str(tmp_path / "file.yaml")
    with pytest.raises(ConfigError, match=r"file\.yaml") as caught:
        parse("-c", path)
    assert "\n" not in str(caught.value)


def test_settings_that_contradict_are_one_clear_error():
    with pytest.raises(ConfigError, match=r"^engine\.max_steps must be at least 1, not 0$"):
        parse("--max-steps", "0")


def test_help_explains_every_setting_in_the_words_of_its_docstring(capsys):
    with pytest.raises(SystemExit) as caught:
        parse("--help")
    assert caught.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Train a tiny network." in text and "Args:" not in text
    for words in ("--engine.max_steps", "optimiser steps of the whole training. (type: int, default: 100)"):
        assert words in text


def test_a_config_is_written_as_it_is_read(tmp_path):
    values = config_to_dict(Settings(scales=[0.5], area=(0.1, 1e-5)))
    write_yaml(tmp_path / "config.yaml", values)
    assert read_yaml(tmp_path / "config.yaml") == {**values, "area": [0.1, 1e-5]}
    assert parse("-c", str(tmp_path / "config.yaml")) == Settings(scales=[0.5], area=(0.1, 1e-5))


def test_nested_settings_have_dotted_names():
    assert flatten({"a": {"b": {"c": 1}, "d": [2]}, "e": None}) == {"a.b.c": 1, "a.d": [2], "e": None}


ALIASES = {
    "max_iter": "engine.max_steps",
    "SOLVER.LR": "lr",
    "SOLVER.RATE": "lr",
    "kind": Renamed("engine.precision", {"half": "bf16", "full": "fp32"}.__getitem__),
    "gt_path": None,
    "sizes": "scales",
    "folder": "run",
}


def parse_published(*arguments):
    return parse_config(Settings, arguments, program="tiny", aliases=ALIASES)


def test_a_published_file_is_read_in_its_own_spelling(yaml):
    path = yaml("max_iter: 7\nSOLVER:\n  LR: 0.5\nkind: half\ngt_path: /nowhere\nscales: [1]\n")
    assert parse_published("-c", path) == Settings(lr=0.5, scales=[1.0], engine=Engine(max_steps=7, precision="bf16"))


def test_a_published_key_that_is_left_blank_is_not_set(yaml):
    assert parse_published("-c", yaml("max_iter:\nSOLVER:\n  LR:\n")) == Settings()


def test_a_misspelled_published_key_is_an_error_with_the_nearest_one(yaml):
    for arguments in (["--max_itr", "7"], ["-c", yaml("max_itr: 7\n")]):
        with pytest.raises(ConfigError, match=r"Did you mean 'max_iter'\?$"):
            parse_published(*arguments)


def test_published_spellings_are_flags_too():
    flags = ["--max_iter", "7", "--SOLVER.LR=0.5", "--kind", "half", "--gt_path", "x", "--force", "--seed", "2"]
    assert parse_published(*flags) == Settings(force=True, lr=0.5, engine=Engine(max_steps=7, seed=2, precision="bf16"))


def test_several_values_of_a_published_flag_are_a_list():
    flags = ["--sizes", "0.5", "2", "--gt_path", "x", "y", "--max_iter", "7"]
    assert parse_published(*flags) == Settings(scales=[0.5, 2.0], engine=Engine(max_steps=7))


def test_a_published_switch_takes_no_flag_for_its_value(yaml):
    assert parse_published("--gt_path", "-c", yaml("max_iter: 7\n")) == Settings(engine=Engine(max_steps=7))
    assert parse_published("--SOLVER.LR", "-0.5") == Settings(lr=-0.5)


def test_an_empty_value_of_a_published_flag_is_a_value():
    assert parse_published("--folder", "", "--max_iter", "7") == Settings(run="", engine=Engine(max_steps=7))


def test_a_file_holds_what_differs_from_the_base_it_names(yaml):
    yaml("lr: 0.5\nengine:\n  max_steps: 5\n  seed: 1\n", "first.yaml")
    yaml("base: first.yaml\nengine:\n  seed: 2\n", "second.yaml")
    path = yaml("base: [second.yaml]\nrun: here\n", "third.yaml")
    assert parse("-c", path) == Settings(run="here", lr=0.5, engine=Engine(max_steps=5, seed=2))


def test_a_base_that_is_missing_or_the_file_itself_is_an_error_that_names_it(yaml):
    with pytest.raises(ConfigError, match=r"cannot read .*nowhere\.yaml"):
        parse("-c", yaml("base: nowhere.yaml\n"))
    with pytest.raises(ConfigError, match=r"loop\.yaml is its own base"):
        parse("-c", yaml("base: loop.yaml\n", "loop.yaml"))
