"""No golden case of SGAN is left out: every file has a test of its name, and the tests' beginnings cover its cases."""

import re
from pathlib import Path

import pytest

from tests.parity.sgan_cases import CASES

FILES = sorted({case["file"] for case in CASES.values()})


def beginnings(file):
    """The beginnings of case names that the test of ``file`` asks for."""
    text = (Path(__file__).parent / f"test_sgan_{Path(file).stem}.py").read_text()
    calls = re.findall(rf'\w+\(\s*"{re.escape(file)}"((?:,\s*"[^"]*")+)\s*\)', text)
    return tuple(re.findall(r'"([^"]*)"', "".join(calls)))


@pytest.mark.parametrize("file", FILES)
def test_every_case_of_a_file_is_tested(file):
    asked = beginnings(file)
    assert asked
    assert [name for name, case in CASES.items() if case["file"] == file and not name.startswith(asked)] == []
