"""Which samples form a batch and which random numbers augment them: pure functions of seed, epoch and index.

Nothing here depends on worker processes or on what was drawn before, so a training can start at any step and sees
exactly what an uninterrupted one would have seen.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from torch.utils.data import Dataset, Sampler

from common.errors import ConfigError, DataError, InputFailed, InputMissing
from common.system_errors import system_error_message

Sample = dict[str, Any]
Transform = Callable[[Sample, random.Random], Sample]


@dataclass(frozen=True)
class SampleKey:
    """One sample of one epoch."""

    epoch: int
    index: int


@dataclass(frozen=True)
class SampleFailure:
    """Stands for a sample that could not be read; carries the one-line reason out of the worker process.

    Attributes:
        failed_before: a stage before failed with the image, so that its file of it is not there.
        not_made: a stage before has not made its file yet.
    """

    message: str
    failed_before: bool = False
    not_made: bool = False

    @classmethod
    def of(cls, error: DataError) -> SampleFailure:
        return cls(str(error), isinstance(error, InputFailed), isinstance(error, InputMissing))


def loaded(load: Callable[[], Any]) -> Any:
    """What ``load`` returns, or a :class:`SampleFailure` where the data or the system does not let it: an error would reach the main process
    as a page of text without its number.
    """
    try:
        return load()
    except DataError as error:
        return SampleFailure.of(error)
    except Exception as error:
        message = system_error_message(error)
        if message is None:
            raise
        return SampleFailure(message)


class IndexedSamples(Protocol):
    """Anything with a length whose items are sample dictionaries."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


def sample_rng(seed: int, epoch: int, index: int) -> random.Random:
    """The random state of one sample, well mixed so that neighbouring indices are independent."""
    digest = hashlib.blake2b(f"{seed}/{epoch}/{index}".encode(), digest_size=16).digest()
    return random.Random(int.from_bytes(digest, "little"))


class SeededDataset(Dataset[Sample | SampleFailure]):
    """Applies ``transform(sample, rng)`` with the random state of (seed, epoch, index).

    In the place of an image that a stage before failed with comes the next of the list, so that the number of steps is that of the
    list; every other sample that cannot be read is a :class:`SampleFailure`.
    """

    def __init__(self, samples: IndexedSamples, transform: Transform, seed: int) -> None:
        self.samples = samples
        self.transform = transform
        self.seed = seed

    def __len__(self) -> int:
        return len(self.samples)

    def make(self, sample: Sample, key: SampleKey) -> Sample:
        """What an item is made of, from the sample that was read."""
        return self.transform(sample, sample_rng(self.seed, key.epoch, key.index))

    def __getitem__(self, key: SampleKey) -> Sample | SampleFailure:
        def made() -> Sample:
            return self.make(sample, key)

        count, failure = len(self), SampleFailure("the training list is empty")
        for place in range(key.index, key.index + count):
            sample = loaded(partial(self.samples.__getitem__, place % count))
            if not isinstance(sample, SampleFailure):
                item: Sample | SampleFailure = loaded(made)
                return item
            failure = sample
            # A stage before failed with this image: the next one takes its place.
            if not sample.failed_before:
                break
        return failure


class StepBatchSampler(Sampler[list[SampleKey]]):
    """Batches ``first``, ``first + 1``, ... of an endless training; each process gets its share of every batch.

    Each epoch is a permutation decided by (seed, epoch), or the list itself. Batch ``b`` lies in epoch ``b // batches_per_epoch``.

    Args:
        n_samples: length of the dataset.
        batch_size: samples of a batch over all processes.
        seed: decides the permutations.
        first: first batch to yield.
        count: number of batches to yield.
        drop_last: leave out the smaller last batch of each epoch.
        shuffle: False takes the samples in their own order in every epoch.
        rank, world_size: this process's contiguous share of each batch.

    Raises:
        ConfigError: no batch would exist, or a process would get an empty share.
    """

    def __init__(
        self,
        n_samples: int,
        batch_size: int,
        seed: int,
        *,
        first: int = 0,
        count: int,
        drop_last: bool = False,
        shuffle: bool = True,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if n_samples < 1:
            raise DataError("the training list is empty")
        if drop_last and n_samples < batch_size:
            raise ConfigError(f"{n_samples} images cannot fill one batch of {batch_size}; lower engine.batch_size")
        smallest = batch_size if drop_last else (n_samples % batch_size or batch_size)
        if smallest < world_size:
            raise ConfigError(
                f"the smallest batch has {smallest} images for {world_size} processes; "
                "set engine.last_batch to drop or change engine.batch_size"
            )
        self.n_samples, self.batch_size, self.seed = n_samples, batch_size, seed
        self.first, self.count, self.shuffle = first, count, shuffle
        self.batches_per_epoch = n_samples // batch_size if drop_last else -(-n_samples // batch_size)
        self.rank, self.world_size = rank, world_size

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[list[SampleKey]]:
        order, order_epoch = np.empty(0, np.int64), -1
        for batch in range(self.first, self.first + self.count):
            epoch, position = divmod(batch, self.batches_per_epoch)
            if epoch != order_epoch:
                order, order_epoch = self.permutation(epoch), epoch
            members = order[position * self.batch_size : (position + 1) * self.batch_size]
            yield [SampleKey(epoch, int(index)) for index in np.array_split(members, self.world_size)[self.rank]]

    def permutation(self, epoch: int) -> np.ndarray:
        """The order of all samples in ``epoch``: int64 [n_samples], every number of 0..n_samples-1 once."""
        if not self.shuffle:
            return np.arange(self.n_samples)
        return np.random.Generator(np.random.PCG64([self.seed, epoch])).permutation(self.n_samples)
