"""A method on four generated images in a folder of its own, and which stages its entry files run."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from common.data.toy import ToyConfig, make_toy
from common.method import command
from common.method.command import command_of, run_method, settings_of
from common.method.method import Method

CONFIG = "tiny.yaml"


class TinyMethod:
    """``tiny(stage, ..., flag, ...)``: commands of the method in the working directory, which has been prepared.

    Args:
        method: the method; its relative paths begin in the working directory.
        config: text of its configuration.
    """

    def __init__(self, method: Method, config: str) -> None:
        self.method, self.config = dataclasses.replace(method, home=None), config

    def __call__(self, *words: str) -> int:
        count = next((place for place, word in enumerate(words) if word.startswith("-")), len(words))
        return run_method(self.method, [*words[:count], CONFIG, *words[count:]])

    def prepare(self, folder: Path, *stages: str) -> Path:
        """Put the configuration, ``data`` and what the stages make into ``folder``."""
        (folder / CONFIG).write_text(self.config)
        make_toy(folder / "data", ToyConfig(n_train=4, n_val=2, size=40))
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            assert self(*stages) == 0
        return folder

    def settings(self, *flags: str) -> Any:
        """The settings of the run in the working directory."""
        return settings_of("test", command_of(self.method, ""), [CONFIG, *flags])


class RunStages:
    """``program(module, flag, ...)``: names of the stages that an entry file would run, and its settings."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.called: list[tuple[list[str], Any]] = []
        monkeypatch.setattr(command, "run_stages", self.instead)

    def instead(self, method: Method, stages: Any, text: str, title: str, arguments: list[str]) -> int:
        self.called.append(([stage.name for stage in stages], settings_of("test", command_of(method, text), arguments)))
        return 0

    def __call__(self, module: Any, *arguments: str) -> tuple[list[str], Any]:
        assert module.main(argv=list(arguments)) == 0
        return self.called.pop()
