"""Short flags stand for settings, help is readable, mistakes are named."""

import pytest
import torch

from common.errors import ConfigError
from deeplabv2 import demo, main
from deeplabv2.command_line import Program, parse_command


def parsed(name, *arguments):
    config = "deeplabv2/configs/voc12.yaml"
    return parse_command("main.py", main.COMMANDS[name], ["-c", config, *arguments])


@pytest.fixture(autouse=True)
def in_the_repository(pytestconfig, monkeypatch):
    monkeypatch.chdir(pytestconfig.rootpath)


@pytest.mark.parametrize("module", [main, demo])
def test_help_lists_every_command_and_a_command_every_flag(module, capsys):
    assert module.main(["--help"]) == 0
    overview = capsys.readouterr().out
    for name, command in module.COMMANDS.items():
        assert name in overview
        if isinstance(command, Program):
            continue
        assert module.main([name, "--help"]) == 0
        text = capsys.readouterr().out
        assert all(spelling in text for flag in command.flags for spelling in flag.names)
        assert max(map(len, text.splitlines())) <= 120


def test_all_settings_are_explained_on_request(capsys):
    with pytest.raises(SystemExit):
        main.main(["test", "--help-settings"])
    assert "--RUN.TEST_SCALES" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "arguments", "setting", "value"),
    [
        ("train", ["--label-dir", "x"], "DATASET.LABEL_DIR", "x"),
        ("train", ["--cpu"], "RUN.DEVICE", "cpu"),
        ("test", ["--model-path", "x.pth"], "model_path", "x.pth"),
        ("test", ["-m", "x.pth"], "model_path", "x.pth"),
        ("test", ["--split", "test"], "DATASET.SPLIT.VAL", "test"),
        ("test", ["--scales", "[0.5,1]", "--flip"], "RUN.TEST_SCALES", [0.5, 1.0]),
        ("crf", ["--n-jobs", "3"], "CRF.N_JOBS", 3),
        ("crf", ["-j", "3"], "CRF.N_JOBS", 3),
        ("crf", ["--save-png"], "CRF.N_JOBS", None),
        ("submit", ["--split", "val"], "DATASET.SPLIT.TEST", "val"),
        ("predict", ["--crf", "--no-overlays"], "with_crf", True),
    ],
)
def test_a_short_flag_is_a_setting(name, arguments, setting, value):
    config = parsed(name, *arguments)
    for part in setting.split("."):
        config = getattr(config, part)
    assert config == value


def test_a_missing_gpu_is_said(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert parsed("test", "--cuda").RUN.DEVICE == "auto"
    assert "no GPU found" in capsys.readouterr().err


def test_a_flag_of_another_command_is_an_error():
    with pytest.raises(ConfigError, match="images"):
        parsed("test", "--images", "x")
