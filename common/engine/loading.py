"""Batches for the training loop: deterministic, resumable at any step, with unreadable samples reported by name."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader, default_collate

from common.data.sampling import Sample, SampleFailure, SeededDataset, StepBatchSampler
from common.engine.session import Session
from common.engine.settings import EngineConfig
from common.engine.stop_signal import outlive_first_signal
from common.errors import DataError
from common.interruption import work_quietly

Collate = Callable[[list[Any]], dict[str, Any]]


class CollateOrFail:
    """Collates samples, or hands on the first failure among them (picklable, for spawned workers)."""

    def __init__(self, collate: Collate) -> None:
        self.collate = collate

    def __call__(self, samples: list[Sample | SampleFailure]) -> dict[str, Any] | SampleFailure:
        failure = next((sample for sample in samples if isinstance(sample, SampleFailure)), None)
        return failure if failure is not None else self.collate(samples)


def start_training_worker(worker: int) -> None:
    """A worker process that loads for a training: stop signals are left to the main process, which ends its step first."""
    outlive_first_signal()
    use_one_thread()


def start_worker(worker: int) -> None:
    """A worker process of anything else, which may end at any moment."""
    work_quietly()
    use_one_thread()


def use_one_thread() -> None:
    """One thread per worker process, as the processes themselves are the parallelism."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def step_batches(
    dataset: SeededDataset,
    config: EngineConfig,
    session: Session,
    first_step: int,
    collate: Collate = default_collate,
) -> Generator[list[dict[str, Any]], None, None]:
    """For every step from ``first_step`` on: its ``config.accumulate`` batches, this process's share.

    Raises:
        DataError: a sample cannot be read (in any process), or a worker process died.
    """
    sampler = StepBatchSampler(
        len(dataset),
        config.batch_size,
        config.seed,
        first=first_step * config.accumulate,
        count=max(0, config.end_step - first_step) * config.accumulate,
        drop_last=config.last_batch == "drop",
        shuffle=config.shuffle,
        rank=session.rank,
        world_size=session.world_size,
    )
    loader = iter(
        DataLoader(
            dataset,
            batch_sampler=sampler,
            num_workers=config.workers,
            collate_fn=CollateOrFail(collate),
            worker_init_fn=start_training_worker,
            pin_memory=session.device.type == "cuda",
            # The loader would otherwise draw its workers' base seed from the global random state.
            generator=torch.Generator().manual_seed(config.seed),
        )
    )
    try:
        while True:
            batches = []
            for _ in range(config.accumulate):
                batch = next_batch(loader)
                if batch is None:
                    return
                failed = isinstance(batch, SampleFailure)
                if session.any(failed):
                    raise DataError(
                        batch.message if failed else "another process could not read an image; see its message"
                    )
                batches.append(batch)
            yield batches
    finally:
        # An error's traceback would keep the loader; collected as garbage later, it waits seconds for its workers.
        del loader


def next_batch(loader: Iterator[Any]) -> Any:
    """The next batch, a :class:`SampleFailure` when there should be one but is none, None at the end."""
    try:
        with dead_workers_named("training"):
            return next(loader, None)
    except DataError as error:
        return SampleFailure(str(error))


@contextmanager
def dead_workers_named(task: str) -> Iterator[None]:
    """Turns the loader's report of a killed worker into a :class:`DataError`.

    torch raises it from a signal handler: anywhere in the main process, not only where a batch is asked for.
    """
    try:
        yield
    except RuntimeError as error:
        # An exception inside a living worker also says "DataLoader worker", without a process id.
        if "DataLoader worker (pid" not in str(error):
            raise
        raise DataError(
            f"{task}: a process that loads images died (usually out of memory or shared memory); "
            "run the same command again with fewer --workers, it continues"
        ) from error


def move_batch(batch: dict[str, Any], device: torch.device, channels_last: bool) -> dict[str, Any]:
    """The batch with its tensors on ``device``, image-shaped float tensors in the wanted memory layout."""
    moved = {}
    for name, value in batch.items():
        if isinstance(value, torch.Tensor):
            value = value.to(device, non_blocking=True)
            if channels_last and value.dim() == 4 and value.is_floating_point():
                value = value.contiguous(memory_format=torch.channels_last)
        moved[name] = value
    return moved
