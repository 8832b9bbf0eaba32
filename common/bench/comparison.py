"""The result of one benchmark: our time, the peer's time, and the ratio that survives a change of machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """Seconds for the same work done twice on the same machine, one after the other."""

    work: str
    seconds: float
    peer: str
    peer_seconds: float

    @property
    def ratio(self) -> float:
        """How many times faster than the peer."""
        return self.peer_seconds / self.seconds

    def text(self) -> str:
        return (
            f"{self.work}: {self.seconds:.2f} s; {self.peer}: {self.peer_seconds:.2f} s; {self.ratio:.1f} times faster"
        )

    def rates(self, count: int, threads: int) -> str:
        """How many of ``count`` images each did in a second."""
        return f"images per second: {count / self.seconds:.2f} and {count / self.peer_seconds:.2f}, {threads} threads"
