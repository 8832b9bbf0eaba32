"""Commands of other programs of the repository, called as a user would from its folder: in this process, since a start of
its own would cost each of them seconds."""

from __future__ import annotations

import contextlib
import importlib
import os
import shlex
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from common.errors import ToolboxError
from common.method.settings import TOP

# Exit status of a stage that failed with some images: the others are done, and what follows goes on without them.
IMAGES_FAILED = 1


class StageError(ToolboxError):
    """A command ended with an exit status of its own."""


def in_repository(path: str | Path) -> str:
    """A path as it is written in the repository's folder: relative where it lies inside. Empty stays empty."""
    if not str(path):
        return ""
    place = Path(os.path.abspath(path))
    return os.path.relpath(place, TOP) if place.is_relative_to(TOP) else str(place)


def in_repository_if_file(path: str) -> str:
    """The same of initial weights, which may be a name instead."""
    return in_repository(path) if Path(path).is_file() else path


@contextlib.contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Another working directory within the context."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def call(module: str, arguments: Sequence[str]) -> int:
    """Run what ``python -m module arguments`` would run in the repository's folder; see :func:`in_repository` for paths.

    Returns:
        1 when some of its images failed, which it has named, else 0.

    Raises:
        StageError: it ended with another status.
        ToolboxError, SystemExit: as the command raises them (a stop signal ends it with a checkpoint).
    """
    shown = shlex.join(["python", "-m", module, *arguments])
    print(f"\n$ {shown}", flush=True)
    started = time.perf_counter()
    with working_in(TOP):
        status = int(importlib.import_module(module).main(list(arguments)) or 0)
    if status not in (0, IMAGES_FAILED):
        raise StageError(
            f"the stage `{shown}` ended with status {status}; mend what it says, then run the chain again: it continues"
        )
    print(f"({time.perf_counter() - started:.0f} s)", flush=True)
    return status
