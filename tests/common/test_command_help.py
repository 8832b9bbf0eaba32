"""What --help shows first, what on request, and the values of the configuration beside it."""

import argparse
from dataclasses import dataclass, field

import pytest

from common.command_help import command_help
from common.commands import Command, Flag, parse_command
from common.data.layout import DataConfig
from common.engine.settings import EngineConfig
from common.errors import ConfigError
from common.usual_flags import USUAL, UsualFirst


@dataclass
class Settings:
    """Train something.

    Args:
        out: folder of outputs.
        force: redo what is there.
        data: the dataset.
        engine: how it runs.
    """

    out: str = "runs/x"
    force: bool = False
    data: DataConfig = field(default_factory=DataConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)


OWN = Flag(("--cycles",), "--engine.accumulate", "N", "a flag of its own")
COMMAND = Command("Train it.", Settings, lambda settings: 0, (OWN,))


def flags_of(text):
    return [line.split()[0].strip(",") for line in text.splitlines() if line.startswith("  -")]


def test_ten_flags_come_first_the_command_s_own_among_them_and_all_on_request():
    few, every = (flags_of(command_help("x.py", "train", COMMAND, asked)) for asked in (["--help"], ["--help-all"]))
    assert few[:5] == ["-c", "--root", "--out", "--cycles", "--max-steps"] and len(few) == USUAL
    assert every[:USUAL] == few and {"--cpu", "-j"} <= set(every) - set(few[: USUAL - 1])
    assert flags_of(command_help("x.py", "train", COMMAND, ["--help", "all"])) == every
    assert "2 more flags: --help-all" in command_help("x.py", "train", COMMAND, ["--help"])


@pytest.mark.parametrize("spelling", [["-c", "{}"], ["--cfg_file={}"], ["{}"]])
def test_the_values_of_the_configuration_are_shown(tmp_path, spelling):
    file = tmp_path / "x.yaml"
    file.write_text("out: elsewhere\nengine: {max_steps: 77}\n")
    asked = [word.format(file) for word in spelling]
    text = command_help("x.py", "train", COMMAND, [*asked, "--help"])
    assert "where outputs go [elsewhere]" in text and "optimiser steps [77]" in text
    assert "[" not in command_help("x.py", "train", COMMAND, ["--help"]).partition("\n")[2]


def test_the_explained_settings_have_the_configuration_s_values_as_defaults(tmp_path, capsys):
    file = tmp_path / "x.yaml"
    file.write_text("engine: {max_steps: 77}\n")
    with pytest.raises(SystemExit):
        parse_command("x.py", COMMAND, ["-c", str(file), "--help-settings"])
    said = " ".join(capsys.readouterr().out.split())
    assert "optimiser steps of the whole training; schedules end here. (type: int, default: 77)" in said


def test_a_configuration_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"cannot read .*gone\.yaml"):
        command_help("x.py", "train", COMMAND, ["-c", "gone.yaml", "--help"])


def test_a_parser_of_own_flags_shows_ten_and_all_on_request(capsys):
    parser = UsualFirst(prog="x")
    parser.add_argument("folder")
    for number in range(12):
        parser.add_argument(f"--flag{number}", help=f"text {number}.")
    shown = []
    for asked in ("--help", "--help-all"):
        with pytest.raises(SystemExit) as caught:
            parser.parse_args([asked])
        assert caught.value.code == 0
        shown.append(capsys.readouterr().out)
    assert ["text 9." in text for text in shown] == [True, True]
    assert ["text 10." in text for text in shown] == [False, True]
    assert "--help-all" in shown[0] and parser.parse_args(["x", "--flag11", "y"]) == argparse.Namespace(
        folder="x", **{f"flag{number}": None for number in range(11)}, flag11="y"
    )
