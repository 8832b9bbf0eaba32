"""Errors that a user can act on, and the wrapper that prints them as one clear line.

Every error in this module names the thing that is wrong and says what to do about it. Command-line entry points call
:func:`run_command`, which turns such an error into one line on stderr and a non-zero exit status instead of a
traceback. Programming errors keep their traceback.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from common.interruption import ended_by_signals
from common.system_errors import system_error_message


class ToolboxError(Exception):
    """Base of all errors the user can act on; a message is one line, whatever names and values it quotes."""

    exit_status = 2

    def __str__(self) -> str:
        return " ".join(super().__str__().splitlines())


class ConfigError(ToolboxError):
    """A setting is missing, misspelled or contradicts another one."""


class DataError(ToolboxError):
    """A file of a dataset is missing, unreadable or does not fit the others."""


class InputFailed(DataError):
    """A stage before failed with this image and has recorded it; the text is why it failed."""


class InputMissing(DataError):
    """A stage before has not made its file of this image, and has not failed with it either."""


class CheckpointError(ToolboxError):
    """Weights or a checkpoint cannot be used with this network or run."""


class NonFiniteError(ToolboxError):
    """A loss or gradient became NaN or infinite."""


class DiskFullError(ToolboxError):
    """There is not enough space to write a file; what was there before is untouched."""


class WriteError(ToolboxError):
    """The system does not let a file be written; what was there before is untouched."""


class InUseError(ToolboxError):
    """Another process writes where this one is to write."""


def require(holds: bool, message: str) -> None:
    """Raise :class:`ConfigError` with the message unless the settings are as they have to be."""
    if not holds:
        raise ConfigError(message)


def run_command(main: Callable[[], int | None]) -> None:
    """Run an entry point and exit: 0 on success, 2 on a :class:`ToolboxError`, ``main``'s own integer otherwise.

    What the system refuses (no permission, no memory) is one line and status 2, too. Ctrl-C and SIGTERM end the process with one line and
    status 130 or 143 (:mod:`common.interruption`). Where the reader of the output has gone (``| head``), the exit status is 141, as
    that of other programs.
    """
    try:
        with ended_by_signals():
            status = main()
            sys.stdout.flush()
    except ToolboxError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        sys.exit(error.exit_status)
    except BrokenPipeError:
        # The interpreter flushes again when it ends, and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except Exception as error:
        message = system_error_message(error)
        if message is None:
            raise
        print(f"error: {message}", file=sys.stderr, flush=True)
        sys.exit(ToolboxError.exit_status)
    sys.exit(status or 0)
