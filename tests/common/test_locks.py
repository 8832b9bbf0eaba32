"""One writer per folder, and a clear word for the second."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys

import pytest

from common.errors import ConfigError, InUseError
from common.locks import LOCK_FILE, in_turn, only_writer
from tests.common.test_interruption import start  # noqa: F401
from tests.guards.source import ROOT
from tests.processes import is_running

ADDING = """
import sys
from pathlib import Path
from common.locks import in_turn
path = Path(sys.argv[1])
for number in range(100):
    with in_turn(path):
        before = path.read_text() if path.exists() else ""
        path.write_text(before + f"{sys.argv[2]} {number}\\n")
"""


def is_refused(folder, **options):
    try:
        with only_writer(folder, **options):
            return ""
    except InUseError as error:
        return str(error)


def test_a_second_writer_is_refused_with_who_the_first_is_and_what_to_do(start, tmp_path):  # noqa: F811
    process = start("lock")
    message = is_refused(tmp_path)
    assert message.startswith(f"{tmp_path} is being written by process {process.pid} on {socket.gethostname()} (")
    assert "stopped_program" in message and message.endswith("wait for it to end, or give another folder")
    assert (tmp_path / LOCK_FILE).exists()


def test_those_who_share_a_folder_refuse_only_one_who_does_not(start, tmp_path):  # noqa: F811
    start("lock_shared")
    assert not is_refused(tmp_path, shared=True)
    assert (tmp_path / LOCK_FILE).exists()
    assert "is being written" in is_refused(tmp_path)


@pytest.mark.parametrize("what", ["lock", "lock_and_fork"])
def test_a_process_that_was_killed_leaves_no_lock_behind(start, tmp_path, what):  # noqa: F811
    process = start(what)
    process.kill()
    process.wait()
    assert (tmp_path / LOCK_FILE).exists()
    if what == "lock_and_fork":
        assert is_running(int((tmp_path / "child").read_text()))
    assert not is_refused(tmp_path)
    if what == "lock_and_fork":
        os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)


def test_a_folder_that_is_free_again_has_no_lock_file_and_a_new_one_that_stayed_empty_goes(tmp_path):
    with only_writer(tmp_path / "new" / "run"), only_writer(tmp_path / "new" / "run"):
        assert (tmp_path / "new" / "run" / LOCK_FILE).exists()
    assert list(tmp_path.iterdir()) == []
    with only_writer(tmp_path / "new"):
        (tmp_path / "new" / "file").touch()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


def test_the_inner_one_of_two_contexts_does_not_let_go(start, tmp_path):  # noqa: F811
    with only_writer(tmp_path):
        with only_writer(tmp_path):
            pass
        program = f"from pathlib import Path; from common.locks import only_writer; only_writer(Path({str(tmp_path)!r})).__enter__()"
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
        assert f"process {os.getpid()} on" in done.stderr


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path):
    (tmp_path / "run").touch()
    with pytest.raises(ConfigError, match="run is a file; give another folder"), only_writer(tmp_path / "run"):
        pass


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch, capsys):
    def no_locks(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with only_writer(tmp_path):
        assert "has no locks" in capsys.readouterr().err


def test_processes_that_add_to_one_file_at_a_time_lose_nothing(tmp_path):
    file = tmp_path / "file"
    command = [sys.executable, "-c", ADDING, str(file)]
    with in_turn(file):
        both = [subprocess.Popen([*command, name], cwd=ROOT) for name in "ab"]
    assert [process.wait(60) for process in both] == [0, 0]
    assert sorted(file.read_text().split("\n")) == sorted(["", *(f"{name} {n}" for name in "ab" for n in range(100))])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
