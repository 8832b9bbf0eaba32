"""However a training is interrupted, it ends with the very file of one that never was."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from common.engine.checkpoint import checkpoint_steps
from common.engine.run_folder import RunFolder
from tests.common.engine.tiny_training import final_bytes, logged, run_tiny
from tests.guards.source import ROOT

# 10 images in batches of 4: an epoch is 3 batches, 1.5 steps.
ENGINE = {"accumulate": 2, "workers": 2}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    run_tiny(folder, **ENGINE)
    return folder


def run_process(folder: Path, **trouble: object) -> tuple[int, str]:
    """Exit status and stderr of a training with ``trouble``."""
    arguments = [str(folder), json.dumps(ENGINE), json.dumps(trouble)]
    # Files, because the orphaned workers of a killed process would keep a pipe open for a while.
    with (folder / "stderr.txt").open("w+") as errors:
        done = subprocess.run(
            [sys.executable, "-m", "tests.common.engine.tiny_training", *arguments],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            timeout=120,
            # A process group of its own, for the signals that go to whole groups.
            start_new_session=True,
            check=False,
        )
        errors.seek(0)
        return done.returncode, errors.read()


def test_a_training_killed_in_the_middle_of_a_step_ends_as_if_it_never_was(uninterrupted, tmp_path):
    status, errors = run_process(tmp_path, kill_at=10)
    assert status == -signal.SIGKILL, errors
    assert checkpoint_steps(RunFolder(tmp_path).checkpoints) == [2, 4]
    # The log is ahead of the checkpoint now and then; what a killed process was writing has no line end.
    with RunFolder(tmp_path).metrics.open("a") as file:
        file.write('{"step": 5, "pixels": 1.0}\n{"step": 6, "pix')
    run_tiny(tmp_path, **ENGINE)
    assert final_bytes(tmp_path) == final_bytes(uninterrupted)
    assert logged(tmp_path) == logged(uninterrupted)


def test_sigterm_to_all_processes_and_again_ends_with_a_checkpoint_and_status_143(uninterrupted, tmp_path):
    status, errors = run_process(tmp_path, terminate_at=9, terminate="group")
    assert status == 143, errors
    assert "Traceback" not in errors
    assert checkpoint_steps(RunFolder(tmp_path).checkpoints) == [2, 4, 5]
    run_tiny(tmp_path, **ENGINE)
    assert final_bytes(tmp_path) == final_bytes(uninterrupted)
    assert logged(tmp_path) == logged(uninterrupted)


@pytest.mark.parametrize("stop", [3, 5])
def test_a_training_stopped_at_a_step_ends_as_if_it_never_was(uninterrupted, tmp_path, stop):
    run_tiny(tmp_path, **ENGINE, stop_at=stop)
    assert checkpoint_steps(RunFolder(tmp_path).checkpoints)[-1] == stop
    run_tiny(tmp_path, **{**ENGINE, "workers": 1}, stop_at=6)
    run_tiny(tmp_path, **ENGINE)
    assert logged(tmp_path) == logged(uninterrupted)
    assert final_bytes(tmp_path) == final_bytes(uninterrupted)


def test_a_training_killed_before_its_first_checkpoint_starts_again(uninterrupted, tmp_path):
    run_tiny(tmp_path, **ENGINE, stop_at=1)
    for path in RunFolder(tmp_path).checkpoints.iterdir():
        path.unlink()
    run_tiny(tmp_path, **ENGINE)
    assert final_bytes(tmp_path) == final_bytes(uninterrupted)
    assert logged(tmp_path) == logged(uninterrupted)


def test_a_finished_training_is_not_touched(uninterrupted):
    before = final_bytes(uninterrupted)
    step = run_tiny(uninterrupted, **ENGINE)
    assert step.calls == 0
    assert final_bytes(uninterrupted) == before


def test_the_resumed_log_holds_each_step_once(uninterrupted, tmp_path):
    run_tiny(tmp_path, **ENGINE, stop_at=3)
    run_tiny(tmp_path, **ENGINE)
    assert [record["step"] for record in logged(tmp_path)] == [3, 6, 8]
