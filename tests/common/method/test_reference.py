"""The reference rows' trainings beside the stages of a method."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from common.method.calls import in_repository
from common.method.plain_cam import CONFIGS, CamSettings
from common.method.reference import flags_of_reference
from common.method.settings import with_values
from tests.processes import is_running

TOP = Path(__file__).parents[3]
CONFIG = str(CONFIGS / "toy.yaml")
# A program that makes reference rows, and runs `stages` beside them; `chain` is what the chain of plain CAM does.
PROGRAM = """
import os, pathlib, signal, sys, time
from common.errors import run_command
from common.method import reference
from common.method.plain_cam import CamSettings
from common.method.settings import with_values

folder = pathlib.Path({folder!r})
settings = with_values(CamSettings(), {{"chain.reference": {config!r}, "chain.reference_out": str(folder)}})
reference.call = lambda module, arguments: (folder / "labels").write_text(" ".join(arguments))
reference.COMMAND = "reference_chain"
# As in a terminal; a shell starts background commands with SIGINT ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.cpu_count = lambda: 8


def main():
    with reference.ReferenceRows(settings):
        {stages}
    print("all done")


run_command(main)
"""


@pytest.fixture
def start(tmp_path) -> Callable[..., subprocess.Popen[str]]:
    """Starts the program; ``chain`` and ``stages`` are Python."""

    def run(chain: str, stages: str = "pass") -> subprocess.Popen[str]:
        (tmp_path / "reference_chain.py").write_text(textwrap.dedent(f"import os, pathlib, sys, time\n{chain}\n"))
        (tmp_path / "program.py").write_text(PROGRAM.format(folder=str(tmp_path), config=CONFIG, stages=stages))
        environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
        environment["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{TOP}"
        program = [sys.executable, str(tmp_path / "program.py")]
        return subprocess.Popen(program, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    return run


def wait_for(path: Path, seconds: float = 120) -> str:
    """The content of a file that another process writes."""
    deadline = time.monotonic() + seconds
    while not path.exists() or not path.read_text():
        assert time.monotonic() < deadline, f"{path} was not written"
        time.sleep(0.05)
    return path.read_text()


def wait_for_end(process: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while is_running(process):
        assert time.monotonic() < deadline, "the reference rows still run"
        time.sleep(0.05)


def sleeps(tmp_path: Path) -> str:
    return f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\ntime.sleep(60)"


def test_the_stages_find_the_label_maps_and_share_the_cores_with_the_trainings(start, tmp_path):
    seen = tmp_path / "seen"
    chain = f"print(sys.argv)\npathlib.Path({str(seen)!r}).write_text(os.environ['OMP_NUM_THREADS'])"
    stages = "import torch; print('stages with', torch.get_num_threads(), (folder / 'labels').read_text())"
    output, errors = start(chain, stages).communicate()
    assert seen.read_text() == "4", errors
    assert (
        f"stages with 4 plain_cam reproduce -c {in_repository(CONFIG)} --out" in output and "--until labels" in output
    )
    assert "--until" not in (tmp_path / "segmentation.log").read_text()
    assert "all done" in output


def test_reference_rows_that_fail_end_the_chain_with_their_last_words(start):
    process = start("print('no room on the disk'); sys.exit(1)")
    output, errors = process.communicate()
    assert process.returncode == 2
    assert "no room on the disk" in errors
    assert errors.splitlines()[-1].startswith("error: the reference rows failed with status 1; ")
    assert "all done" not in output


def test_a_stage_that_fails_takes_the_reference_rows_with_it(start, tmp_path):
    failing = (
        f"while not pathlib.Path({str(tmp_path / 'pid')!r}).exists(): time.sleep(0.05)\n        raise ValueError('no')"
    )
    process = start(sleeps(tmp_path), failing)
    _, errors = process.communicate(timeout=120)
    assert "ValueError: no" in errors and process.returncode == 1
    wait_for_end(int(wait_for(tmp_path / "pid")))


@pytest.mark.parametrize(
    ("number", "stages"),
    [(signal.SIGTERM, "time.sleep(60)"), (signal.SIGINT, "time.sleep(60)"), (signal.SIGTERM, "pass")],
    ids=["terminated during a stage", "interrupted during a stage", "terminated at the end"],
)
def test_a_chain_that_is_stopped_takes_the_reference_rows_with_it(start, tmp_path, number, stages):
    process = start(sleeps(tmp_path), stages)
    child = int(wait_for(tmp_path / "pid"))
    # The program may not be through its own first lines yet.
    time.sleep(0.2)
    process.send_signal(number)
    process.wait(timeout=60)
    assert process.returncode == 128 + number
    wait_for_end(child)


def test_the_reference_rows_have_the_method_s_dataset_seed_device_and_weights(monkeypatch):
    monkeypatch.chdir(TOP)
    values = {
        "chain.reference": CONFIG,
        "chain.reference_out": "runs/reference",
        "chain.weights": "imagenet",
        "data.root": "photos",
        "engine.seed": 3,
        "engine.device": "cpu",
    }
    flags = " ".join(flags_of_reference(with_values(CamSettings(), values)))
    assert flags.startswith(f"-c {in_repository(CONFIG)} --out runs/reference --seed 3 --device cpu")
    assert flags.endswith("--root photos --weights imagenet")
