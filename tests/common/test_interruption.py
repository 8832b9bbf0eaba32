"""Ctrl-C and SIGTERM: at once, one line, the right status, nothing half-written and nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from common.interruption import LINE, is_own_program
from tests.guards.source import ROOT
from tests.processes import is_running

STOPS = [signal.SIGINT, signal.SIGTERM]
# Seconds in which a command has to end.
AT_ONCE = 3


@pytest.fixture
def start(tmp_path):
    """Starts ``stopped_program WHAT``, in a process group of its own, and waits for the named file."""
    started = []

    def run(what, ready="ready"):
        command = [sys.executable, "-m", "tests.common.stopped_program", what, str(tmp_path)]
        process = subprocess.Popen(
            command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        started.append(process)
        wait_until((tmp_path / ready).exists, process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def wait_until(holds, process=None, seconds=60):
    deadline = time.monotonic() + seconds
    while not holds():
        assert process is None or process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def number_in(file):
    return int(file.read_text())


def stop(process, number, group=False):
    """Send the signal; what the process says, and how it ends."""
    sent = time.monotonic()
    (os.killpg if group else os.kill)(process.pid, number)
    output, errors = process.communicate(timeout=60)
    assert time.monotonic() - sent < AT_ONCE
    assert output == ""
    return process.returncode, errors


@pytest.mark.parametrize("number", STOPS)
def test_a_command_that_has_done_its_work_is_not_stopped_any_more(start, number):
    assert stop(start("leave"), number) == (0, "")


@pytest.mark.parametrize("number", STOPS)
@pytest.mark.parametrize("what", ["sleep", "compute"])
def test_a_command_ends_at_once_with_one_line_even_inside_a_long_call(start, what, number):
    assert stop(start(what), number) == (128 + number, f"{LINE}\n")


@pytest.mark.parametrize("number", STOPS)
def test_a_command_that_still_imports_ends_in_the_same_way(tmp_path, number):
    command = [sys.executable, "-m", "tests.common.stopped_program", "import", str(tmp_path / number.name)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (128 + number, f"{LINE}\n")


def test_neither_a_half_written_file_nor_a_lock_stays(start, tmp_path):
    process = start("write")
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {"", ".partial"}
    stop(process, signal.SIGTERM)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("group", [False, True], ids=["the main process alone", "the whole group"])
@pytest.mark.parametrize("number", STOPS)
def test_worker_processes_end_with_it_without_a_word_or_a_half_written_file(start, tmp_path, number, group):
    assert stop(start("pool"), number, group) == (128 + number, f"{LINE}\n")
    assert not is_running(number_in(tmp_path / "worker"))
    assert not list(tmp_path.glob(".*"))


def test_workers_end_with_a_process_that_is_killed(start, tmp_path):
    start("pool").kill()
    wait_until(lambda: not is_running(number_in(tmp_path / "worker")), seconds=10)


def test_a_training_beside_it_has_the_time_to_save(start, tmp_path):
    assert stop(start("beside"), signal.SIGINT)[0] == 130
    assert (tmp_path / "saved").exists() and not is_running(number_in(tmp_path / "beside"))


@pytest.mark.parametrize("what", ["end_beside", "end_importing"])
def test_a_command_beside_it_ends_even_where_it_is_killed(start, tmp_path, what):
    process = start(what, ready="beside")
    wait_until((tmp_path / "ready").exists)
    process.kill()
    wait_until(lambda: not is_running(number_in(tmp_path / "beside")), seconds=20)


@pytest.mark.parametrize("group", [False, True], ids=["the launcher alone", "the whole group"])
def test_processes_that_share_the_work_end_together_and_one_of_them_says_so(start, tmp_path, group):
    process = start("share", ready="rank1")
    wait_until((tmp_path / "rank0").exists)
    assert stop(process, signal.SIGTERM, group) == (143, f"{LINE}\n")
    assert not any(is_running(number_in(tmp_path / f"rank{rank}")) for rank in range(2))


def test_the_first_of_them_that_fails_ends_the_others(start, tmp_path):
    (tmp_path / "fail").touch()
    process = start("share", ready="rank1")
    process.communicate(timeout=60)
    assert process.returncode == 7 and not is_running(number_in(tmp_path / "rank0"))


def test_a_library_s_user_keeps_signal_handlers():
    assert not is_own_program()
