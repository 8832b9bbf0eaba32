"""SIGTERM and SIGINT end a training after the running step, with a checkpoint."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from types import FrameType
from typing import Any

from common.interruption import signals_taken_elsewhere


class StopSignal:
    """Context manager that remembers the first stop signal.

    A second interrupt (Ctrl-C from someone who does not want to wait) takes its usual effect. A second SIGTERM does not:
    torchrun, ``timeout`` and job schedulers send one to the process group and pass on another.
    """

    SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self.received = 0
        self._previous: dict[int, Any] = {}
        self._context = ExitStack()

    def __enter__(self) -> StopSignal:
        self._context.enter_context(signals_taken_elsewhere())
        for number in self.SIGNALS:
            self._previous[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._context.close()

    def pass_on(self) -> None:
        """After the context: give a signal that came too late for the last step to whoever takes the next one, so that what follows
        the training does not go on as if there had been none.
        """
        if self.received:
            os.kill(os.getpid(), self.received)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.received = self.received or number
        signal.signal(signal.SIGINT, self._previous[signal.SIGINT])

    @property
    def exit_status(self) -> int:
        """128 + signal number: 143 after SIGTERM, 130 after SIGINT."""
        return 128 + self.received


def outlive_first_signal() -> None:
    """Called in a worker process: the first stop signal has no effect, a second one ends it.

    A signal sent to the whole process group must leave the workers running until the main process, which finishes its
    step and writes a checkpoint, has stopped them.
    """
    for number in StopSignal.SIGNALS:
        signal.signal(number, _end_at_next_signal)


def _end_at_next_signal(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
