"""The processes of one training or inference: a single one, or several started by torchrun."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import TypeVar

import torch
from torch import distributed
from torch.distributed import PrefixStore, Store  # type: ignore[attr-defined]
from torch.distributed.rendezvous import rendezvous

from common.errors import ConfigError, ToolboxError
from common.locks import only_writer
from common.variables import number_of_variable

Value = TypeVar("Value")

# A process that finds its part of the work already done waits for the others, for hours if need be. A process that
# dies is noticed by torchrun at once, whatever the limit.
LONGEST_WAIT = timedelta(days=7)
# Of a text that processes tell each other, in bytes.
LONGEST_TEXT = 400
# Numbers the sessions of this process, in the same order in all processes.
SESSIONS = count()


@dataclass(frozen=True)
class Session:
    """This process's place among all processes, and its device."""

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    @property
    def is_distributed(self) -> bool:
        return self.world_size > 1

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Element-wise sum of ``values`` (any shape and dtype) over all processes, as a new tensor without gradient."""
        values = values.detach().clone()
        if self.is_distributed:
            values = values.to(self.device)
            distributed.all_reduce(values)
        return values

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` holds in any process."""
        return bool(flag) if not self.is_distributed else self.sum(torch.tensor(float(flag))).item() > 0

    def barrier(self) -> None:
        """Wait until all processes are here."""
        if self.is_distributed:
            distributed.barrier()

    def on_main(self, action: Callable[[], Value]) -> Value | None:
        """Run ``action`` in the main process while the others wait for it; its error ends all of them.

        Returns:
            What ``action`` returned in the main process, None in the others.
        """
        value: Value | None = None
        failure: Exception | None = None
        if self.is_main:
            try:
                value = action()
            except Exception as error:
                failure = error
        if self.any(failure is not None):
            raise failure or ToolboxError("stopped because of an error in the main process; see its message")
        return value

    @contextmanager
    def writing(self, folder: Path, *, shared: bool = False) -> Iterator[None]:
        """No other command writes into ``folder`` meanwhile; the main process holds the lock for all. See :func:`common.locks.only_writer`."""
        with ExitStack() as stack:
            self.on_main(lambda: stack.enter_context(only_writer(folder, shared=shared)))
            yield


def choose_device(name: str, local_rank: int) -> torch.device:
    """The device of this process.

    Args:
        name: auto, cpu, cuda or cuda:N.

    Raises:
        ConfigError: the name is unknown or the device is not there.
    """
    unknown = f"unknown device {name!r}; use auto, cpu, cuda or cuda:N"
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(unknown) from error
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(unknown)
    if device.type == "cuda":
        index = device.index if device.index is not None else local_rank
        if index >= torch.cuda.device_count():
            raise ConfigError(
                f"device {name} (GPU {index}) is not there: {torch.cuda.device_count()} GPU(s) found; use --device cpu"
            )
        device = torch.device("cuda", index)
        torch.cuda.set_device(device)
    return device


def seconds_now(session: Session) -> float:
    """Seconds on a clock, once the device has done what it was asked to."""
    if session.device.type == "cuda":
        torch.cuda.synchronize(session.device)
    return time.perf_counter()


@cache
def shared_store() -> Store:
    """Where the processes that torchrun started tell each other their addresses."""
    store, _, _ = next(rendezvous("env://"))
    return store


@contextmanager
def start_session(device: str) -> Iterator[Session]:
    """Join the process group when torchrun started this process (gloo on CPU, nccl on GPUs), and leave it at the end.

    Raises:
        ConfigError: see :func:`choose_device`; also cuda:N with several processes.
    """
    world_size = number_of_variable("WORLD_SIZE", 1, least=1)
    rank = number_of_variable("RANK", 0)
    chosen = choose_device(device, number_of_variable("LOCAL_RANK", 0))
    if world_size > 1:
        if device.startswith("cuda:"):
            raise ConfigError(f"device {device} would put all {world_size} processes on one GPU; use --device cuda")
        # Processes that are late would else find the addresses of the session before.
        store = PrefixStore(f"session {next(SESSIONS)}", shared_store())
        backend = "nccl" if chosen.type == "cuda" else "gloo"
        distributed.init_process_group(backend, store=store, rank=rank, world_size=world_size, timeout=LONGEST_WAIT)
    try:
        yield Session(rank, world_size, chosen)
    finally:
        if world_size > 1:
            distributed.destroy_process_group()


def texts_of_all_processes(texts: Mapping[str, str], names: Sequence[str], session: Session) -> dict[str, str]:
    """The texts of all processes by name, cut to 400 bytes where there are several processes.

    Args:
        texts: name -> text, of this process; no name is known to two.
        names: all names there may be, the same and in the same order in all processes.
    """
    if not session.is_distributed:
        return dict(texts)
    places = [place for place, name in enumerate(names) if name in texts]
    marks = torch.zeros(len(names), dtype=torch.int64)
    marks[places] = 1
    marked: list[int] = session.sum(marks).cpu().nonzero().flatten().tolist()
    if not marked:
        return {}
    codes = torch.zeros(len(marked), LONGEST_TEXT, dtype=torch.int64)
    for row, place in enumerate(marked):
        encoded = list(texts.get(names[place], "").encode()[:LONGEST_TEXT])
        codes[row, : len(encoded)] = torch.tensor(encoded, dtype=torch.int64)
    shared = session.sum(codes).cpu().tolist()
    return {
        names[place]: bytes(row).rstrip(b"\0").decode(errors="ignore")
        for place, row in zip(marked, shared, strict=True)
    }
