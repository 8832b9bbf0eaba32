"""Finishing processes: failures by name, few results waiting, no image lost."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from common.engine.finishing import WAITING_PER_PROCESS, FinishingProcesses, number_of_processes
from common.engine.inference import StageReport
from common.errors import DataError, DiskFullError
from tests.processes import is_running


def finish(path, result):
    """Runs in any process; the result says what to do."""
    if result == "unreadable":
        raise DataError(f"{path.name} is broken")
    if result == "full":
        raise DiskFullError("no space left")
    if result == "die":
        os._exit(1)
    if result == "orphan":
        path.write_text(str(os.getpid()))
        os.kill(multiprocessing.parent_process().pid, signal.SIGKILL)
        time.sleep(60)
    path.write_text(f"{result} {os.getpid()}")


def run(folder, results, processes):
    with FinishingProcesses(finish, processes) as finishing:
        for number, result in enumerate(results):
            finishing(folder / f"{number}.txt", result)
            assert len(finishing.running) <= processes * WAITING_PER_PROCESS
    return finishing


@pytest.mark.parametrize("processes", [1, 2])
def test_a_broken_image_is_remembered_the_others_are_finished_and_few_wait(tmp_path, processes):
    finishing = run(tmp_path, ["good", "unreadable", "good", "good", "good", "good"], processes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.txt", "2.txt", "3.txt", "4.txt", "5.txt"]
    workers_seen = {path.read_text().split()[1] for path in tmp_path.iterdir()}
    assert (str(os.getpid()) in workers_seen) == (processes == 1)
    report = StageReport(done=6, failed={"z": "unreadable image"})
    finishing.correct(report, {tmp_path / f"{number}.txt": str(number) for number in range(6)})
    assert report == StageReport(done=5, failed={"z": "unreadable image", "1": "1.txt is broken"})


def test_any_other_error_ends_the_stage(tmp_path):
    with pytest.raises(DiskFullError):
        run(tmp_path, ["good", "full", "good"], 1)
    assert [path.name for path in tmp_path.iterdir()] == ["0.txt"]


def test_a_process_that_dies_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match="fewer processes"):
        run(tmp_path, ["die"] * 6, 2)


@pytest.mark.slow
def test_processes_end_with_the_process_that_started_them(tmp_path, pytestconfig):
    program = "import sys; from pathlib import Path; from tests.common.engine.test_finishing import run; "
    program += "run(Path(sys.argv[1]), ['orphan'], 2)"
    # No pipe: an orphan would hold it open.
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, cwd=pytestconfig.rootpath, stderr=subprocess.DEVNULL, check=False)
    assert done.returncode == -signal.SIGKILL
    worker = int((tmp_path / "0.txt").read_text())
    for _ in range(100):
        if not is_running(worker):
            return
        time.sleep(0.1)
    pytest.fail(f"process {worker} is still there")


@pytest.mark.parametrize(
    ("setting", "n_images", "world_size", "expected"),
    [(4, 1000, 1, 4), (4, 16, 1, 2), (4, 3, 1, 1), (4, 32, 2, 2), (0, 5, 1, 1)],
)
def test_the_number_of_processes_fits_the_work(setting, n_images, world_size, expected):
    assert number_of_processes(setting, n_images, world_size) == expected


def test_without_a_setting_every_core_has_a_process(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(6)), raising=False)
    assert number_of_processes(0, 10_000, 1) == 6
    assert number_of_processes(0, 10_000, 2) == 3
