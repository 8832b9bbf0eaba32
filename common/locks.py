"""One writer per folder: a lock that a process loses when it ends, however that comes about.

``flock`` belongs to the open file, so that a killed process leaves none behind; on Linux it also holds between the machines of a network
file system. The lock file says who has it, for the message to others.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from common.errors import ConfigError, InUseError, WriteError
from common.interruption import undone_if_stopped
from common.system_errors import describe_os_error

LOCK_FILE = ".lock"
# That of a chain, whose stages lock their own folders, of which this may be one.
CHAIN_LOCK = ".chain.lock"
LOCK_FILES = (LOCK_FILE, CHAIN_LOCK)
# What flock says of a file system that has no locks.
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
# Seconds: for a holder that is dead or has not said yet who it is, for one record in a shared file, between two tries.
LAST_MOMENTS, LONGEST_TURN, PAUSE = 5.0, 60.0, 0.01
COMMAND_LENGTH = 200
# Lock file -> what this process holds of it.
HELD: dict[Path, int] = {}


def forget_locks() -> None:
    """A forked process holds none of the locks of the process that it comes from."""
    for descriptor in HELD.values():
        with suppress(OSError):
            os.close(descriptor)
    HELD.clear()


os.register_at_fork(after_in_child=forget_locks)


@contextmanager
def only_writer(folder: Path, *, shared: bool = False, name: str = LOCK_FILE) -> Iterator[None]:
    """No other process writes into ``folder`` (made when missing) within the context. Inside another such context of this process it
    changes nothing.

    Args:
        shared: with others that share it, none of which writes what this one writes.
        name: of the lock file.

    Raises:
        InUseError: another process writes there; the message says which.
        ConfigError: ``folder`` is a file.
        WriteError: the system does not let it be written.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; give another folder")
    with held(folder / name, str(folder), shared=shared, seconds=0):
        yield


@contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Read and write a file that several processes add to: one after another.

    Raises:
        InUseError: another process has it for minutes.
    """
    with held(path.with_name(f".{path.name}.lock"), str(path), shared=False, seconds=LONGEST_TURN):
        yield


@contextmanager
def held(lock: Path, what: str, *, shared: bool, seconds: float) -> Iterator[None]:
    """Hold a lock file within the context; wait for it for some seconds."""
    lock = lock.absolute()
    if lock in HELD:
        yield
        return
    made = [folder for folder in (lock.parent, *lock.parent.parents) if not folder.exists()]
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        HELD[lock] = take(lock, what, shared, seconds)
    except OSError as error:
        place = what if error.filename in (None, str(lock)) else str(error.filename)
        raise WriteError(f"cannot write {describe_os_error(error, place)}") from error
    try:
        with undone_if_stopped(lambda number: release(lock, shared)):
            yield
    finally:
        release(lock, shared)
        # A command that was refused before it wrote anything leaves nothing.
        with suppress(OSError):
            for folder in made:
                folder.rmdir()


def take(lock: Path, what: str, shared: bool, seconds: float) -> int:
    """An open file with the lock.

    Raises:
        InUseError: another process has it.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    asked = time.monotonic()
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in NO_LOCKS:
                print(
                    f"{what}: this file system has no locks; do not run two commands there at a time", file=sys.stderr
                )
                return descriptor
            os.close(descriptor)
            if not isinstance(error, BlockingIOError):
                raise
            holder = holder_of(lock)
            wait = max(seconds, LAST_MOMENTS if is_leaving(holder) else 0.0)
            if time.monotonic() - asked >= wait:
                raise InUseError(in_use_message(what, holder)) from error
            time.sleep(PAUSE)
            continue
        if is_same_file(descriptor, lock):
            sign(descriptor)
            return descriptor
        # Its holder has deleted it meanwhile.
        os.close(descriptor)


def release(lock: Path, shared: bool) -> None:
    """Delete a lock file, unless others share it, and let go of it."""
    descriptor = HELD.pop(lock, None)
    if descriptor is None:
        return
    with suppress(OSError):
        if shared:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.unlink()
    with suppress(OSError):
        os.close(descriptor)


def sign(descriptor: int) -> None:
    """Write down whose lock it is."""
    command = shlex.join(sys.argv)[:COMMAND_LENGTH]
    text = json.dumps({"process": os.getpid(), "host": socket.gethostname(), "command": command})
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)


def holder_of(lock: Path) -> dict[str, object]:
    """What the holder has written down; empty where it has not yet, or is gone."""
    try:
        content = json.loads(lock.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def is_leaving(holder: dict[str, object]) -> bool:
    """Whether a holder is about to appear, or dead: then what still has its files open ends with it."""
    if not holder:
        return True
    process = holder.get("process")
    if holder.get("host") != socket.gethostname() or not isinstance(process, int):
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def in_use_message(what: str, holder: dict[str, object]) -> str:
    by = "another process"
    if holder:
        by = f"process {holder.get('process')} on {holder.get('host')} ({holder.get('command')})"
    return f"{what} is being written by {by}; wait for it to end, or give another folder"


def is_same_file(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one that lies at ``path``."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def has_living_writer(path: Path) -> bool:
    """Whether a process still writes the file, whose lock it then holds; of a file system without locks nothing is known."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        # Another user's.
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
