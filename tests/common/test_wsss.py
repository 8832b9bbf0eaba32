"""The console command over everything."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from common.errors import ConfigError
from common.wsss import PROGRAMS, main


@pytest.mark.parametrize("name", sorted({one.module for one in PROGRAMS.values()}))
def test_every_word_leads_to_a_program(name: str) -> None:
    assert callable(importlib.import_module(name).main)


def test_the_help_imports_nothing_heavy_and_fits_a_screen() -> None:
    program = (
        "import sys, common.wsss as w; w.main(['--help']); print(sorted({'torch', 'numpy', 'cv2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    *lines, modules = done.stdout.splitlines()
    assert modules == "[]" and len(lines) <= 20
    assert all(any(name in line for line in lines) for name in PROGRAMS)


def test_words_stand_where_the_program_expects_them() -> None:
    assert PROGRAMS["reproduce"].arguments(["sgan", "--seed", "1"]) == ["sgan", "reproduce", "--seed", "1"]
    assert PROGRAMS["test"].arguments(["-c", "x.yaml"]) == ["test", "-c", "x.yaml"]


def test_an_unknown_word_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no command 'demmo'.*demo, own, check"):
        main(["demmo"])
