from __future__ import annotations

import subprocess
import sys

import pytest

from common.provenance import (
    MODIFIED_MARK,
    UNKNOWN_COMMIT,
    current_command_line,
    current_commit,
    current_versions,
)


def git(folder, *arguments):
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def make_repository(folder):
    git(folder, "init", "-q")
    (folder / "file.py").write_text("a = 1\n")
    git(folder, "add", "file.py")
    git(folder, "commit", "-q", "-m", "first")
    return git(folder, "rev-parse", "HEAD").strip()


def test_the_commit_of_a_clean_checkout_is_its_head(tmp_path):
    assert current_commit(tmp_path if make_repository(tmp_path) else None) == git(tmp_path, "rev-parse", "HEAD").strip()


def test_changed_tracked_files_are_marked(tmp_path):
    head = make_repository(tmp_path)
    (tmp_path / "file.py").write_text("a = 2\n")
    assert current_commit(tmp_path) == head + MODIFIED_MARK


@pytest.mark.parametrize(("name", "counts"), [
    ("package/new.py", True), ("package/inner/new.yaml", True), ("package/run.sh", True), ("setup.cfg", True), ("tool.py", True),
    ("package/notes.txt", False), ("package/model.pth", False), ("runs/a/config.yaml", False), ("data/convert.py", False),
    ("notes.md", False), ("ignored.py", False),
])  # fmt: skip
def test_untracked_source_is_a_change_and_outputs_are_not(tmp_path, name, counts):
    (tmp_path / "package").mkdir()
    (tmp_path / "package/old.py").touch()
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    head = git(tmp_path, "rev-parse", "HEAD").strip()
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    for place in (tmp_path, tmp_path / "package"):
        assert current_commit(place) == head + (MODIFIED_MARK if counts else "")


def test_an_untracked_folder_inside_a_repository_does_not_borrow_its_commit(tmp_path):
    make_repository(tmp_path)
    (tmp_path / "site-packages").mkdir()
    assert current_commit(tmp_path / "site-packages") == UNKNOWN_COMMIT


def test_outside_a_repository_the_commit_is_unknown(tmp_path):
    assert current_commit(tmp_path) == UNKNOWN_COMMIT


def test_the_command_line_is_relative_and_quoted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "tools" / "train.py"), "--name", "two words"])
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    assert current_command_line() == "python tools/train.py --name 'two words'"


def test_versions_name_python_and_torch():
    assert {"python", "torch"} <= set(current_versions())
