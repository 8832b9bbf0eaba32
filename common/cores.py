"""Torch's threads: a number of them for a while, or one piece of work per CPU core."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """``number`` CPU threads for torch, as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def map_on_cores(function: Callable[[Item], Outcome], items: Sequence[Item]) -> list[Outcome]:
    """``[function(item) for item in items]`` with as many items at a time as torch has threads.

    By itself torch splits every layer over its threads, which then wait for each other at the end of every layer; whole
    pieces of work have nothing to wait for. Settings of the calling thread (inference mode, autocast) do not reach
    ``function``.
    """
    threads = torch.get_num_threads()
    at_a_time = min(threads, len(items))
    if at_a_time <= 1:
        return [function(item) for item in items]
    try:
        with ThreadPoolExecutor(at_a_time, initializer=torch.set_num_threads, initargs=(threads // at_a_time,)) as pool:
            return list(pool.map(function, items))
    finally:
        # The workers' setting became the default of threads that start later.
        torch.set_num_threads(threads)
