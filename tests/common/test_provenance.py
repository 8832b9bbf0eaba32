from __future__ import annotations

import subprocess
import sys

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
