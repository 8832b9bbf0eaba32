"""Torch's threads: a number of them for a while, or one piece of work, or one part of it, per CPU core."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
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


def split_over_threads(function: Callable[[int, int], object], number: int) -> None:
    """Call ``function(start, stop)`` for parts of 0 to ``number`` (not included), one on each of torch's threads.

    For compiled functions that let other threads run meanwhile and write only to places of their own part.
    """
    threads = min(torch.get_num_threads(), number)
    if threads <= 1:
        function(0, number)
        return
    bounds = [number * part // threads for part in range(threads + 1)]
    list(part_pool(threads).map(function, bounds[:-1], bounds[1:]))


@cache
def part_pool(threads: int) -> ThreadPoolExecutor:
    """Threads that stay: starting some for every layer of a network would take longer than a part."""
    return ThreadPoolExecutor(threads)


# A forked process has the pool without its threads.
os.register_at_fork(after_in_child=part_pool.cache_clear)
