"""Processes that finish predictions: the CRF and the writing of files, next to the process with the network."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from common.engine.inference import StageReport
from common.engine.loading import start_worker
from common.errors import DataError
from common.interruption import interrupts_held_back

# A process takes seconds to start: with fewer images than this for each it is not worth it.
IMAGES_PER_PROCESS = 8
# Waiting results per process: enough that none is idle, few enough that memory does not depend on the list.
WAITING_PER_PROCESS = 2


class FinishingProcesses:
    """``write(path, result)`` for :func:`common.engine.inference.images_to_files`, done by other processes.

    An image that fails with a :class:`DataError` is remembered by its path; every other error ends the stage. Leaving
    the context waits for the images that are under way.

    Args:
        finish: ``(path, result)``: writes the file; must be picklable and small, as it travels with every image.
        processes: how many; 1 works in this process.
    """

    def __init__(self, finish: Callable[[Path, Any], None], processes: int) -> None:
        self.finish, self.processes = finish, processes
        self.failed: dict[Path, str] = {}
        self.running: dict[Future[None], Path] = {}
        self.pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> FinishingProcesses:
        if self.processes > 1:
            # Not fork: numpy and torch have started threads in this process by now.
            method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
            context = multiprocessing.get_context(method)
            context.set_forkserver_preload([self.finish.__module__])
            self.pool = ProcessPoolExecutor(self.processes, context, initializer=start_worker, initargs=(0,))
        return self

    def __call__(self, path: Path, result: Any) -> None:
        if self.pool is None:
            self.note(path, partial(self.finish, path, result))
            return
        while len(self.running) >= WAITING_PER_PROCESS * self.processes:
            self.collect()
        try:
            # The processes start with the first image.
            with interrupts_held_back():
                future = self.pool.submit(self.finish, path, result)
            self.running[future] = path
        except BrokenProcessPool as error:
            raise dead_process() from error

    def collect(self) -> None:
        """Wait for at least one image that is under way."""
        done, _ = wait(self.running, return_when=FIRST_COMPLETED)
        for future in done:
            self.note(self.running.pop(future), future.result)

    def note(self, path: Path, outcome: Callable[[], None]) -> None:
        """Call ``outcome``; a :class:`DataError` is remembered as the failure of ``path``."""
        try:
            outcome()
        except DataError as error:
            self.failed[path] = str(error)
        except BrokenProcessPool as error:
            raise dead_process() from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.pool is None:
            return
        try:
            while self.running and kind is None:
                self.collect()
        finally:
            self.pool.shutdown(wait=True, cancel_futures=True)

    def correct(self, report: StageReport, ids: dict[Path, str]) -> None:
        """Count in ``report`` the images that failed here as failed; ``ids`` are those of the written paths."""
        report.done -= len(self.failed)
        report.failed |= {ids[path]: reason for path, reason in self.failed.items()}


def dead_process() -> DataError:
    """The error for a process that was killed."""
    return DataError(
        "a process that finishes images died, probably for lack of memory; run the same command again with fewer "
        "processes (-j), it continues"
    )


def number_of_processes(setting: int, n_images: int, world_size: int) -> int:
    """Processes for a stage: ``engine.processes``, for 0 all usable cores, shared by the processes of torchrun; fewer for
    few images.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = setting or max(1, cores // world_size)
    return min(wanted, max(1, n_images // (IMAGES_PER_PROCESS * world_size)))
