"""SIGTERM and SIGINT end a training after the running step, with a checkpoint."""

from __future__ import annotations

import signal
from types import FrameType


class StopSignal:
    """Context manager that remembers the first stop signal; a second one takes its usual effect.

    Worker processes started inside inherit the handler, so a signal sent to the whole process group does not kill
    them before the checkpoint is written.
    """

    SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self.received = 0
        self._previous: dict[int, object] = {}

    def __enter__(self) -> StopSignal:
        for number in self.SIGNALS:
            self._previous[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, *exception: object) -> None:
        self._restore()

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    @property
    def exit_status(self) -> int:
        """128 + signal number: 143 after SIGTERM, 130 after SIGINT."""
        return 128 + self.received
