"""Run chains side by side as processes of their own, note time and memory of each, and go on where one fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.compare.plan import Chain
from common.data.plain_values import brief
from common.errors import DataError
from common.failures import FAILED_FILE
from common.files import write_json
from common.interruption import has_ended, start_beside, stop_beside, undone_if_stopped
from common.memory import peak_memory
from common.method.calls import IMAGES_FAILED
from common.records import read_record

LOG, STATE_FILE = "log.txt", "chain.json"
DONE, FAILED, STOPPED = "done", "failed", "stopped"
STATES = (DONE, FAILED, STOPPED)
# Seconds between two looks at the processes, and between two notes of their time.
PAUSE, NOTE = 0.2, 20.0


@dataclass(frozen=True)
class State:
    """What is known of a chain.

    Attributes:
        state: done, failed or stopped.
        key: fingerprint of what it was run with; a finished chain with another one is run again.
        seconds: wall time of all its runs.
        peak_bytes: the most memory that its process held; those that load images for it are not in it.
        says: the last line of a failed chain; for a finished one which of its images failed, or nothing.
    """

    state: str
    key: str
    seconds: float = 0.0
    peak_bytes: int = 0
    says: str = ""

    def write(self, folder: Path) -> None:
        write_json(folder / STATE_FILE, vars(self))


SHAPE = {"state": "str", "key": "str", "seconds": "finite", "peak_bytes": "int", "says": "text"}


def read_state(folder: Path) -> State | None:
    """The state of the chain of a folder; None where it was never run.

    Raises:
        DataError: the file is damaged.
    """
    file = folder / STATE_FILE
    if not file.is_file():
        return None
    record = read_record(file, SHAPE)
    if record["state"] not in STATES:
        raise DataError(f"{file}: state is {brief(record['state'])}, none of {', '.join(STATES)}; delete it")
    return State(**{name: record[name] for name in SHAPE})


@dataclass
class Running:
    """A chain at work.

    Attributes:
        before: its state before this run.
        peak: the most memory it has held, bytes.
        noted: when its time was written down last.
    """

    chain: Chain
    folder: Path
    process: subprocess.Popen[bytes]
    key: str
    before: State
    slot: int
    peak: int = 0
    started: float = field(default_factory=time.perf_counter)
    noted: float = field(default_factory=time.perf_counter)

    def state(self, state: str, says: str = "") -> State:
        seconds = self.before.seconds + time.perf_counter() - self.started
        return State(state, self.key, round(seconds, 1), max(self.peak, self.before.peak_bytes), says)

    def note(self) -> None:
        """Look at the memory; write the time down now and then, so that a comparison that is killed loses little of it."""
        self.peak = max(self.peak, peak_memory(self.process.pid))
        if time.perf_counter() - self.noted > NOTE:
            self.noted = time.perf_counter()
            self.state(STOPPED).write(self.folder)

    def end(self) -> State:
        """Take the exit status of the process that has ended."""
        status = self.process.wait()
        last = last_line(self.folder / LOG)
        # A program that crashes has the status of failed images, too.
        done = status == 0 or (status == IMAGES_FAILED and any(self.folder.rglob(FAILED_FILE)))
        says = last if status else ""
        state = self.state(DONE if done else FAILED, says)
        state.write(self.folder)
        return state


def last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def run_chains(
    chains: Sequence[Chain],
    folder_of: Callable[[Chain], Path],
    key_of: Callable[[Chain], str],
    command_of: Callable[[Chain, int], list[str]],
    jobs: int,
) -> dict[Chain, State]:
    """Run those that are not done yet, at most ``jobs`` at a time; each with its share of the cores.

    Args:
        key_of: fingerprint of what a chain is run with.
        command_of: (chain, slot 0 .. jobs - 1) -> arguments of the interpreter.

    Returns:
        The state of every chain. One that another comes after is run first.
    """
    states: dict[Chain, State] = {}
    waiting, running = list(chains), list[Running]()
    with undone_if_stopped(lambda number: stop_beside([one.process for one in running])):
        while waiting or running:
            for chain in [one for one in waiting if len(running) < jobs and is_ready(one, waiting, running)]:
                if len(running) == jobs:
                    break
                waiting.remove(chain)
                place, key = folder_of(chain), key_of(chain)
                known = read_state(place) or State(STOPPED, key)
                if known.state == DONE and known.key == key:
                    states[chain] = known
                    print(f"{chain.name}: there already", flush=True)
                    continue
                slot = next(number for number in range(jobs) if number not in {one.slot for one in running})
                running.append(start_chain(chain, place, key, known, command_of(chain, slot), slot, jobs))
            for one in list(running):
                if has_ended(one.process):
                    running.remove(one)
                    states[one.chain] = one.end()
                    say_end(one, states[one.chain])
                else:
                    one.note()
            time.sleep(PAUSE)
    return {chain: states[chain] for chain in chains}


def is_ready(chain: Chain, waiting: Sequence[Chain], running: Sequence[Running]) -> bool:
    """Whether the chain that it comes after, if any, has been run."""
    return all(one.name != chain.after for one in [*waiting, *(other.chain for other in running)])


def start_chain(
    chain: Chain, folder: Path, key: str, known: State, command: Sequence[str], slot: int, jobs: int
) -> Running:
    folder.mkdir(parents=True, exist_ok=True)
    threads = max(1, (os.cpu_count() or 1) // jobs)
    environment: dict[str, Any] = {"OMP_NUM_THREADS": str(threads), **os.environ}
    with (folder / LOG).open("ab") as log:
        process = start_beside(
            [sys.executable, *command], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    print(f"{chain.name}: runs; {folder / LOG}", flush=True)
    return Running(chain, folder, process, key, known, slot)


def say_end(one: Running, state: State) -> None:
    minutes = f"{state.seconds / 60:.1f} minutes"
    if state.state == DONE:
        print(f"{one.chain.name}: done, {minutes}{f'; {state.says}' if state.says else ''}", flush=True)
    else:
        print(
            f"{one.chain.name}: FAILED after {minutes}: {state.says} ({one.folder / LOG})", file=sys.stderr, flush=True
        )
