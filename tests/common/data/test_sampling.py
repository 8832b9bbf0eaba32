from __future__ import annotations

import random

import pytest

from common.data.sampling import SampleFailure, SampleKey, SeededDataset, StepBatchSampler, sample_rng
from common.errors import ConfigError, DataError


def batches(n_samples=10, batch_size=4, seed=0, count=9, **options):
    return list(StepBatchSampler(n_samples, batch_size, seed, count=count, **options))


def test_every_epoch_is_a_permutation_of_its_own():
    epochs = [[key for batch in batches()[start : start + 3] for key in batch] for start in (0, 3, 6)]
    for number, keys in enumerate(epochs):
        assert {key.epoch for key in keys} == {number}
        assert sorted(key.index for key in keys) == list(range(10))
    assert len({tuple(key.index for key in keys) for keys in epochs}) == 3


def test_without_shuffling_every_epoch_is_the_list():
    keys = [key for batch in batches(5, 2, count=6, shuffle=False) for key in batch]
    assert [(key.epoch, key.index) for key in keys] == [(epoch, index) for epoch in (0, 1) for index in range(5)]


def test_the_last_batch_of_an_epoch_is_smaller_or_dropped():
    assert [len(batch) for batch in batches(count=4)] == [4, 4, 2, 4]
    dropped = batches(count=4, drop_last=True)
    assert [len(batch) for batch in dropped] == [4, 4, 4, 4]
    assert [batch[0].epoch for batch in dropped] == [0, 0, 1, 1]


@pytest.mark.parametrize("first", [1, 3, 5])
def test_a_later_start_gives_the_rest_of_the_whole(first):
    assert batches(first=first, count=9 - first) == batches()[first:]


@pytest.mark.parametrize("world_size", [2, 3])
def test_the_processes_share_each_batch_in_order(world_size):
    options = {"n_samples": 11, "batch_size": 4}
    shares = [batches(**options, rank=rank, world_size=world_size) for rank in range(world_size)]
    together = [[key for share in parts for key in share] for parts in zip(*shares, strict=True)]
    assert together == batches(**options)
    assert all(share for parts in shares for share in parts)


def test_another_seed_gives_another_order():
    assert batches(seed=0) != batches(seed=1)


def test_a_batch_larger_than_the_dataset_holds_all_of_it():
    assert [len(batch) for batch in batches(n_samples=3, batch_size=8, count=2)] == [3, 3]


def test_an_empty_list_is_an_error():
    with pytest.raises(DataError, match="list is empty"):
        batches(n_samples=0)


def test_a_dropped_batch_that_is_the_only_one_is_an_error():
    with pytest.raises(ConfigError, match="3 images cannot fill one batch of 4"):
        batches(n_samples=3, drop_last=True)


@pytest.mark.parametrize("options", [{"n_samples": 9}, {"batch_size": 1}])
def test_a_process_without_an_image_is_an_error(options):
    with pytest.raises(ConfigError, match="smallest batch has 1 images for 2 processes"):
        batches(**options, world_size=2)


class Numbers:
    def __len__(self):
        return 3

    def __getitem__(self, index):
        if index == 1:
            raise DataError("image one is broken")
        return {"id": index}


def draw(sample, rng):
    return {**sample, "drawn": rng.random()}


def test_a_sample_is_augmented_by_seed_epoch_and_index_alone():
    dataset = SeededDataset(Numbers(), draw, seed=0)
    first = dataset[SampleKey(0, 2)]
    random.seed(5)
    dataset[SampleKey(0, 0)]
    assert dataset[SampleKey(0, 2)] == first
    others = [
        dataset[SampleKey(1, 2)],
        dataset[SampleKey(0, 0)],
        SeededDataset(Numbers(), draw, seed=1)[SampleKey(0, 2)],
    ]
    assert len({first["drawn"], *(other["drawn"] for other in others)}) == 4


def test_neighbouring_samples_draw_independently():
    draws = [sample_rng(0, 0, index).random() for index in range(1000)]
    assert 0.45 < sum(draws) / 1000 < 0.55
    assert len(set(draws)) == 1000


def test_an_unreadable_sample_becomes_its_reason():
    assert SeededDataset(Numbers(), draw, seed=0)[SampleKey(0, 1)] == SampleFailure("image one is broken")
