"""An inference stage that is stopped while its processes are at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from common.interruption import LINE
from tests.guards.source import ROOT
from tests.processes import is_running


@pytest.mark.parametrize("what", ["load", "finish"])
@pytest.mark.parametrize(("number", "group"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_a_stage_ends_at_once_with_its_processes(tmp_path, what, number, group):
    command = [sys.executable, "-m", "tests.common.engine.stopped_stage", what, str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, text=True, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 120
    while len(working := list(tmp_path.glob("at_work*"))) < 2:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[1]
        time.sleep(0.05)
    sent = time.monotonic()
    (os.killpg if group else os.kill)(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - sent < 3
    assert (process.returncode, errors) == (128 + number, f"{LINE}\n")
    assert not any(is_running(int(file.name.removeprefix("at_work"))) for file in working)
    assert {path.name for path in (tmp_path / "out").iterdir()} <= {"stage.json", "inputs.json", "image0.txt"}
