"""What classifier and AffinityNet see: labels lie where their image does, beyond it is nothing, colours are drawn from what is given."""

import random

import numpy as np
import pytest
import torch

from common.errors import ConfigError
from sod_wsss.puzzle import BaseInput, BaseSquareConfig, rand_augmented

BEYOND = 255


@pytest.fixture
def sample():
    """An image whose left half is white and of class 7."""
    image, mask = np.zeros((40, 64, 3), np.uint8), np.zeros((40, 64), np.uint8)
    image[:, :32], mask[:, :32] = 255, 7
    return {"id": "one", "image": image, "mask": mask}


@pytest.mark.parametrize("seed", range(6))
def test_labels_lie_where_the_image_does(sample, seed):
    made = BaseInput(48, [32, 96])(sample, random.Random(seed))
    assert made["image"].shape == (3, 48, 48) and made["mask"].shape == (12, 12) and made["mask"].dtype == torch.int64
    # What a label says holds for the middle of its 4 x 4 pixels, away from borders.
    white = torch.nn.functional.avg_pool2d((made["image"][0] > 0).float()[None], 4)[0]
    inside = (white == 1) & (made["mask"] != BEYOND)
    assert (made["mask"][inside] == 7).all() and (white[made["mask"] == 0] < 1).all()


def test_beyond_the_image_the_colour_is_0_and_labels_are_ignored(sample):
    made = BaseInput(64, [32, 32])(sample, random.Random(1))
    assert (made["image"] == 0).all(0).sum() == 64 * 64 - 20 * 32
    assert (made["mask"] == BEYOND).sum() == 16 * 16 - 5 * 8


def test_longer_sides_cover_the_whole_range_and_half_of_the_images_are_mirrored(sample):
    widths, mirrored = set(), 0
    for seed in range(60):
        made = BaseInput(80, [60, 64])(sample, random.Random(seed))
        columns = (made["image"] != 0).any(0).any(0).nonzero()
        widths.add(int(columns[-1] - columns[0]) + 1)
        mirrored += int(made["image"][0, :, columns[0]].min() < 0)
    assert widths == {60, 61, 62, 63, 64} and 15 < mirrored < 45


def test_tags_are_handed_on_as_a_tensor(sample):
    made = BaseInput(32, [32, 32])({**sample, "tags": np.array([0, 1, 1])}, random.Random(0))
    assert made["tags"].tolist() == [0.0, 1.0, 1.0] and made["id"] == "one"


def test_operations_on_the_image_come_from_the_random_state_that_is_given():
    image = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    before = torch.random.get_rng_state()
    first, again, other = (rand_augmented(image, random.Random(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert first.shape == image.shape and first.dtype == np.uint8
    assert torch.equal(torch.random.get_rng_state(), before)


def test_colours_change_where_the_settings_say_so(sample):
    still, jittered, augmented = (
        BaseInput(64, [64, 64], jitter, augment)(sample, random.Random(5))["image"]
        for jitter, augment in (((0, 0, 0, 0), False), ((0.3, 0.3, 0.3, 0.1), False), ((0, 0, 0, 0), True))
    )
    assert not torch.equal(still, jittered) and not torch.equal(still, augmented)


def test_sides_out_of_order_are_refused():
    with pytest.raises(ConfigError, match="square.long_sides is"):
        BaseSquareConfig(long_sides=[640, 320])
