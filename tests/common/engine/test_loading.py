from __future__ import annotations

import dataclasses

import pytest
import torch

from common.data.sampling import SeededDataset
from common.engine.loading import move_batch, step_batches
from common.errors import DataError
from tests.common.engine.tiny_training import AUGMENTATION, ENGINE, ONE_PROCESS, TinySamples

CPU = torch.device("cpu")


def batches(first=0, samples=None, **engine):
    """Every batch of every step, as (ids, images)."""
    config = dataclasses.replace(ENGINE, **engine)
    dataset = SeededDataset(samples or TinySamples(), AUGMENTATION, config.seed)
    steps = list(step_batches(dataset, config, ONE_PROCESS, first))
    return [[(batch["id"], batch["image"]) for batch in step] for step in steps]


def assert_same(first, second):
    assert [[ids for ids, _ in step] for step in first] == [[ids for ids, _ in step] for step in second]
    for one, other in zip(first, second, strict=True):
        for (_, image), (_, same) in zip(one, other, strict=True):
            torch.testing.assert_close(image, same, rtol=0, atol=0)


def test_neither_workers_nor_the_global_random_state_change_a_batch():
    torch.manual_seed(1)
    alone = batches(workers=0)
    torch.manual_seed(2)
    assert_same(batches(workers=2), alone)


def test_loading_leaves_the_global_random_state_alone():
    before = torch.get_rng_state()
    batches(workers=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_later_start_gives_the_rest_of_the_whole():
    assert_same(batches(first=3, accumulate=2), batches(accumulate=2)[3:])


def test_a_step_has_as_many_batches_as_are_accumulated():
    assert [len(step) for step in batches(accumulate=3, max_steps=2)] == [3, 3]


def test_another_epoch_augments_otherwise():
    images = {}
    for step in batches(batch_size=10, max_steps=2):
        for ids, stack in step:
            for image_id, image in zip(ids, stack, strict=True):
                images.setdefault(image_id, []).append(image)
    assert all(len(versions) == 2 for versions in images.values())
    assert sum(not torch.equal(*versions) for versions in images.values()) >= 9


def test_an_unreadable_image_stops_with_its_reason():
    with pytest.raises(DataError, match="^image3 is broken$"):
        batches(samples=TinySamples(unreadable=3))


def test_channels_last_concerns_images_only():
    batch = {"id": ["a"], "image": torch.rand(1, 3, 4, 4), "mask": torch.zeros(1, 4, 4, dtype=torch.int64)}
    moved = move_batch(batch, CPU, channels_last=True)
    assert moved["image"].is_contiguous(memory_format=torch.channels_last)
    assert moved["mask"].is_contiguous() and moved["id"] == ["a"]
    assert torch.equal(moved["image"], batch["image"])
