"""Several processes of this machine for one command, one per GPU: what GPUS asks for.

As ``torchrun`` starts them, which works too, also over several machines. A stop signal, an error and its exit status reach whoever called
without the launcher's own words around them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from common.interruption import has_ended, others_say_so, start_beside, stop_beside, undone_if_stopped
from common.variables import number_of_variable

THIS_MACHINE = "127.0.0.1"
# Seconds between two looks at the processes.
LOOK = 0.05
TOP = Path(__file__).resolve().parents[2]


def processes_wanted() -> int:
    """The number of processes that GPUS asks for; 1 in one of them.

    Raises:
        ConfigError: it is no number.
    """
    wanted = number_of_variable("GPUS", 1, least=1)
    return 1 if "WORLD_SIZE" in os.environ else wanted


def run_in_processes(command: Sequence[str], number: int) -> int:
    """Run ``python command`` in ``number`` processes; the first that fails ends the others.

    Returns:
        0, or the exit status of the one that failed first.
    """
    # Not at the top: most commands have one process and need not wait for it.
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    store = TCPStore(THIS_MACHINE, 0, is_master=True, wait_for_workers=False, timeout=timedelta(minutes=30))
    processes: list[subprocess.Popen[bytes]] = []
    with undone_if_stopped(lambda signal: stop_beside(processes)), others_say_so():
        for rank in range(number):
            environment = environment_of(rank, number, store.port)
            processes.append(start_beside([sys.executable, "-u", *command], env=environment))
        try:
            return first_failure(processes)
        finally:
            stop_beside([process for process in processes if not has_ended(process)])


def first_failure(processes: Sequence[subprocess.Popen[bytes]]) -> int:
    """Wait until all processes have ended well, or one has failed; its status, 128 + number of the signal where one killed it."""
    running = list(processes)
    while running:
        time.sleep(LOOK)
        ended = [process for process in running if has_ended(process)]
        for process in ended:
            running.remove(process)
            status = process.wait()
            if status < 0:
                print(
                    f"process {processes.index(process)} of {len(processes)} was killed by signal {-status}",
                    file=sys.stderr,
                )
            if status:
                return status if status > 0 else 128 - status
    return 0


def environment_of(rank: int, number: int, port: int) -> Mapping[str, str]:
    """How a process finds the others."""
    paths = os.pathsep.join(filter(None, (str(TOP), os.environ.get("PYTHONPATH"))))
    return {
        # More threads than one in each would fight for the cores.
        "OMP_NUM_THREADS": "1",
        **os.environ,
        "PYTHONPATH": paths,
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(number),
        "LOCAL_WORLD_SIZE": str(number),
        "MASTER_ADDR": THIS_MACHINE,
        "MASTER_PORT": str(port),
        # The launcher keeps the store, so that it outlives every process.
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
    }
