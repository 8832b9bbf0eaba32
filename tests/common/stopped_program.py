"""A command to stop: ``python -m tests.common.stopped_program WHAT FOLDER``. It says ``ready`` in the folder and its own process's number."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

from common.errors import run_command
from common.interruption import (
    signals_taken_elsewhere,
    start_beside,
    stop_beside,
    undone_if_stopped,
    work_quietly,
)
from common.locks import only_writer

WHAT, FOLDER = sys.argv[1], Path(sys.argv[2])
LONG = 60


def say_ready(name="ready"):
    (FOLDER / f"{name}.new").write_text(str(os.getpid()))
    (FOLDER / f"{name}.new").rename(FOLDER / name)


def sleep():
    say_ready()
    time.sleep(LONG)


class SlowToGo:
    """Says ready when the interpreter takes the modules apart."""

    def __del__(self, say=say_ready, wait=time.sleep):
        say()
        wait(1)


def leave():
    """It has done its work."""
    sys.modules[__name__].kept = SlowToGo()


def compute():
    """Inside one call that takes minutes and never looks at signals."""
    say_ready()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)


def write():
    # Its imports take seconds that most tests need not wait.
    from common.files import atomic_write

    def slowly(file):
        file.write(b"half")
        sleep()

    with only_writer(FOLDER / "out"):
        atomic_write(FOLDER / "out" / "file", slowly)


def lock():
    with only_writer(FOLDER):
        sleep()


def lock_shared():
    with only_writer(FOLDER, shared=True):
        sleep()


def lock_and_fork():
    with only_writer(FOLDER):
        child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(LONG,))
        child.start()
        (FOLDER / "child").write_text(str(child.pid))
        sleep()


def work():
    work_quietly()
    half = FOLDER / ".half"
    with undone_if_stopped(lambda number: half.unlink()):
        half.touch()
        say_ready("worker")
        time.sleep(LONG)


def pool():
    multiprocessing.get_context("fork").Process(target=work).start()
    while not (FOLDER / "worker").exists():
        time.sleep(0.01)
    sleep()


def beside():
    """With another command at its side, whose last work takes a moment."""
    process = start_beside([sys.executable, "-m", "tests.common.stopped_program", "saves", str(FOLDER)])
    with undone_if_stopped(lambda number: stop_beside([process])):
        while not (FOLDER / "beside").exists():
            time.sleep(0.01)
        sleep()


def saves():
    def save(number, frame):
        time.sleep(0.3)
        (FOLDER / "saved").touch()
        os._exit(0)

    with signals_taken_elsewhere():
        signal.signal(signal.SIGTERM, save)
        say_ready("beside")
        time.sleep(LONG)


def end_beside():
    """The other command, as a program of the toolbox: it ends when this one is killed."""
    start_beside([sys.executable, "-m", "tests.common.stopped_program", "other", str(FOLDER)])
    sleep()


def end_importing():
    """The other command is still importing."""
    start_beside([sys.executable, "-m", "tests.common.stopped_program", "importing", str(FOLDER)])
    sleep()


def other():
    say_ready("beside")
    time.sleep(LONG)


def share():
    from common.engine.launch import run_in_processes

    return run_in_processes(["-m", "tests.common.stopped_program", "part", str(FOLDER)], 2)


def part():
    rank = os.environ["RANK"]
    say_ready(f"rank{rank}")
    if (FOLDER / "fail").exists() and rank == "1":
        while not (FOLDER / "rank0").exists():
            time.sleep(0.02)
        return 7
    time.sleep(LONG)
    return 0


if WHAT == "importing":
    say_ready("beside")
    time.sleep(LONG)

if WHAT == "import":
    # Before there is a command to end.
    os.kill(os.getpid(), signal.Signals[FOLDER.name])

if __name__ == "__main__":
    run_command(globals()[WHAT])
