"""Commands that one program calls of another: in the repository's folder, with paths as they are written there."""

import os
import sys
from types import SimpleNamespace

import pytest

from common.method.calls import StageError, call, in_repository, working_in
from common.method.settings import TOP


def test_paths_inside_the_repository_are_relative_to_it_and_others_absolute(tmp_path):
    with working_in(TOP / "common"):
        assert in_repository("../data/toy") == os.path.join("data", "toy")
        assert in_repository(TOP / "runs") == "runs"
        assert in_repository("") == ""
    with working_in(tmp_path):
        assert in_repository("data") == str(tmp_path / "data")


def test_the_working_directory_comes_back_after_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="mine"), working_in(TOP):
        raise ValueError("mine")
    assert os.getcwd() == str(tmp_path)


def test_a_command_runs_in_the_folder_of_the_repository_and_leaves_the_caller_in_its_own(tmp_path, monkeypatch, capsys):
    seen = []

    def main(arguments):
        seen.append((os.getcwd(), arguments))
        os.chdir(tmp_path.parent)
        return {"images": 1, "fail": 3}.get(arguments[0], 0)

    monkeypatch.setitem(sys.modules, "fake_program", SimpleNamespace(main=main))
    monkeypatch.chdir(tmp_path)
    assert call("fake_program", ["a b"]) == 0
    assert seen == [(str(TOP), ["a b"])] and os.getcwd() == str(tmp_path)
    assert "$ python -m fake_program 'a b'" in capsys.readouterr().out
    assert call("fake_program", ["images"]) == 1, "images failed: the others are done"
    with pytest.raises(StageError, match="python -m fake_program fail"):
        call("fake_program", ["fail"])
