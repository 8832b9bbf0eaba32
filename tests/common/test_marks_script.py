"""common/marks.sh: the marks' trainings beside the stages of a method."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.processes import is_running

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def start(tmp_path):
    """Starts a script that makes marks and runs ``stages`` beside them; ``chain`` is what the second call of the chain does."""

    def run(chain, stages="true"):
        interpreter = tmp_path / "python"
        interpreter.write_text(
            f'#!/usr/bin/env bash\n[[ $1 == -c ]] && echo 8 && exit\n[[ "$*" == *--until* ]] && exit\n{chain}\n'
        )
        interpreter.chmod(0o755)
        script = f"set -euo pipefail; python={interpreter}; source {REPOSITORY / 'common' / 'marks.sh'}\n"
        script += f'begin_marks "{tmp_path}/marks" -c toy.yaml\n{stages}\nend_marks\necho all done\n'
        environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
        return subprocess.Popen(
            ["bash", "-c", script], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    return run


def test_the_stages_and_the_marks_share_the_cores(start, tmp_path):
    output, _ = start(f"echo $OMP_NUM_THREADS > {tmp_path}/seen", "echo stages with $OMP_NUM_THREADS").communicate()
    assert (tmp_path / "seen").read_text() == "4\n"
    assert "stages with 4" in output
    assert "all done" in output


def test_marks_that_fail_end_the_script_with_their_last_words(start):
    process = start("echo no room on the disk; exit 1")
    output, errors = process.communicate()
    assert process.returncode == 1
    assert "no room on the disk" in errors
    assert "all done" not in output


def test_a_script_that_is_stopped_takes_the_marks_with_it(start, tmp_path):
    process = start(f"echo $$ > {tmp_path}/pid; exec sleep 60", "wait")
    deadline = time.monotonic() + 20
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=20)
    marks = int((tmp_path / "pid").read_text())
    while is_running(marks):
        assert time.monotonic() < deadline + 20
        time.sleep(0.05)
