"""Ctrl-C and SIGTERM end a command at once: one line, no half-written file, no process left behind.

A training takes both signals itself (:mod:`common.engine.stop_signal`). Everything else leaves nothing but complete files and continues
from them, so that the process may end from wherever it is. It does not unwind through an exception: that can be lost in a callback, waits
for a long call into C, and for workers that are at work.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, util
from pathlib import Path
from types import FrameType
from typing import Any

LINE = "interrupted; run the same command again, it continues"
SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Seconds for output to be written and for workers to end by themselves.
PATIENCE = 0.5
# Seconds for a training that runs beside this process: its step and its checkpoint. As torchrun has it.
TRAINING_PATIENCE = 30.0
# Set for a process that is of no use without the one that started it: the number of that one.
ENDS_WITH_PARENT = "WSSS_ENDS_WITH_PARENT"


class Ending:
    """How this process ends when it is stopped.

    Attributes:
        begun: held by the thread that ends the process.
        thread: that thread.
        says_so: whether this process prints the line.
        elsewhere: how many contexts take the signals themselves.
        undo: process and action, the newest last.
    """

    def __init__(self, says_so: bool = True) -> None:
        self.begun = threading.Lock()
        self.thread = 0
        self.says_so = says_so
        self.elsewhere = 0
        self.undo: list[tuple[int, Callable[[int], object]]] = []
        self.watched = False

    def in_child(self) -> None:
        """A forked process ends quietly, and leaves alone what belongs to the process that it comes from."""
        if self.watched:
            signal.set_wakeup_fd(-1)
        Ending.__init__(self, says_so=False)


ENDING = Ending()
os.register_at_fork(after_in_child=ENDING.in_child)


def end_command(number: int, frame: FrameType | None = None) -> None:
    """End this process after the signal ``number``, with status 130 or 143. A signal handler; the watching thread calls it, too."""
    if not ENDING.begun.acquire(blocking=False):
        while ENDING.thread != threading.get_ident():
            # Another thread ends the process: whatever this one would do now, or hears of dying workers, is too late.
            with suppress(BaseException):
                time.sleep(1)
        return
    ENDING.thread = threading.get_ident()
    hear_nothing_of_workers()
    try:
        in_time(flush_output)
        if ENDING.says_so and os.environ.get("RANK", "0") == "0":
            # A progress bar stands in the last line of a terminal.
            text = "\n" * os.isatty(2) + LINE + "\n"
            os.write(2, text.encode())
        for process, action in reversed(ENDING.undo):
            if process == os.getpid():
                with suppress(Exception):
                    action(number)
        with suppress(Exception):
            end_workers()
        if ENDING.says_so:
            # Else the semaphores of worker processes would be reported as lost, and their folder would stay.
            in_time(util._run_finalizers)  # type: ignore[attr-defined]
    finally:
        os._exit(128 + number)


def hear_nothing_of_workers() -> None:
    """Else torch's handler of SIGCHLD raises an error when they end; it may still do so while it is taken out."""
    if threading.current_thread() is threading.main_thread():
        for _ in range(2):
            with suppress(BaseException):
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def in_time(action: Callable[[], object]) -> None:
    """Call ``action`` in a thread, and go on without it where it hangs."""
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    thread.join(PATIENCE)


def flush_output() -> None:
    with suppress(Exception):
        sys.stdout.flush()


def end_workers() -> None:
    """End the worker processes of this one."""
    workers = multiprocessing.active_children()
    for worker in workers:
        worker.terminate()
    deadline = time.monotonic() + PATIENCE
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
        if worker.is_alive():
            worker.kill()
    # It would only notice when it has imported what it is there to import.
    server = getattr(forkserver._forkserver, "_forkserver_pid", None)
    if server is not None:
        os.kill(server, signal.SIGKILL)


def begin_program() -> None:
    """Take the signals from the first import on, where this process is a program of the toolbox and not a library's user."""
    if is_own_program() and threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            signal.signal(number, end_command)
        # Called last of all: the interpreter then takes its handlers away, and a signal would end a command that has done its work.
        atexit.register(signal.pthread_sigmask, signal.SIG_BLOCK, SIGNALS)
        if os.environ.get(ENDS_WITH_PARENT):
            # Its imports take seconds in which the one that started it may be killed.
            threading.Thread(target=follow_parent, args=(int(os.environ[ENDS_WITH_PARENT]),), daemon=True).start()


def is_own_program() -> bool:
    """Whether the main module is a file of this repository, and not of an environment in it."""
    top = Path(__file__).resolve().parents[1]
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    if sys.argv[:1] == ["-m"] and "-m" in sys.orig_argv[:-1]:
        # The packages around the main module are imported before it is.
        folder = sys.orig_argv[sys.orig_argv.index("-m") + 1].split(".")[0]
    elif file and Path(file).resolve().is_relative_to(top):
        folder = Path(file).resolve().relative_to(top).parts[0]
    else:
        return False
    return (top / "setup.cfg").is_file() and (top / folder).is_dir() and not (top / folder / "pyvenv.cfg").exists()


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Both signals end this process, however long the main thread stays inside a call."""
    if ENDING.watched or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, end_command) for number in SIGNALS}
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    ENDING.watched = True
    threading.Thread(target=follow_signals, args=(reader,), daemon=True).start()
    try:
        yield
    finally:
        ENDING.watched = False
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        # The thread ends with it.
        os.close(writer)


def follow_signals(reader: int) -> None:
    """End this process as soon as a signal arrives that nobody else takes."""
    while numbers := os.read(reader, 1):
        if numbers[0] in SIGNALS and not ENDING.elsewhere:
            end_command(numbers[0])
    os.close(reader)


def follow_parent(parent: int) -> None:
    """Ask this process to stop once the one that started it is gone; it may be so already."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def signals_taken_elsewhere() -> Iterator[None]:
    """Whoever installs signal handlers of its own says so."""
    ENDING.elsewhere += 1
    try:
        yield
    finally:
        ENDING.elsewhere -= 1


@contextmanager
def others_say_so() -> Iterator[None]:
    """Processes that this one has started get the signals, too, and print the line."""
    before, ENDING.says_so = ENDING.says_so, False
    try:
        yield
    finally:
        ENDING.says_so = before


@contextmanager
def undone_if_stopped(action: Callable[[int], object]) -> Iterator[None]:
    """``action(number of the signal)`` is called where a signal ends this process within the context."""
    entry = (os.getpid(), action)
    ENDING.undo.append(entry)
    try:
        yield
    finally:
        ENDING.undo.remove(entry)


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Processes that are started in the context never see a Ctrl-C: their parent ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def work_quietly() -> None:
    """Called in a worker process: Ctrl-C is its parent's business, SIGTERM ends it without a word or a half-written file, and so does
    the end of its parent.
    """
    ENDING.says_so = False
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end_command)
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """Wait until the process that this one works for is gone, then end this one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def start_beside(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a command of the toolbox that stops when this process has ended, however that came about."""
    environment = {**(options.pop("env", None) or os.environ), ENDS_WITH_PARENT: str(os.getpid())}
    return subprocess.Popen(command, env=environment, **options)


def stop_beside(processes: list[subprocess.Popen[bytes]]) -> None:
    """Ask commands to stop, and wait for them; a training writes its checkpoint."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + TRAINING_PATIENCE
    for process in processes:
        while not has_ended(process) and time.monotonic() < deadline:
            time.sleep(0.02)
        if not has_ended(process):
            process.kill()


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """The same as ``poll``, which is of no use to a signal handler that interrupts another ``poll`` or ``wait``."""
    if not hasattr(os, "waitid"):
        return process.poll() is not None
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True
