import random

import numpy as np
import pytest
import torch

from deeplabv2.dataset import stack_samples
from deeplabv2.samples import caffe_input, demo_image, imagenet_input, scaled_crop

MEAN_BGR = (104.008, 116.669, 122.675)


@pytest.fixture
def sample():
    rng = np.random.default_rng(0)
    image, mask = rng.integers(0, 256, (37, 53, 3), np.uint8), rng.integers(0, 7, (37, 53), np.uint8)
    return {"id": "a", "image": image, "mask": mask}


@pytest.mark.parametrize("convention", [caffe_input(MEAN_BGR), imagenet_input()], ids=["caffe", "imagenet"])
def test_a_training_item_has_the_crops_size_and_ignored_padding_where_the_image_is_0(sample, convention):
    transform = scaled_crop(convention, [0.5], 48)
    item = transform(sample, random.Random(0))
    assert item["image"].shape == (3, 48, 48)
    assert item["mask"].shape == (48, 48)
    padding = item["mask"] == 255
    assert padding.sum() == 48 * 48 - 18 * 26
    assert item["image"][:, padding].abs().max() < 0.01


def test_the_image_is_resized_as_float_for_caffe_networks(sample):
    values = scaled_crop(caffe_input(MEAN_BGR), [1.5], 32)(sample, random.Random(0))["image"]
    grey_levels = values + torch.tensor(MEAN_BGR)[:, None, None]
    assert ((grey_levels - grey_levels.round()).abs() > 0.05).any()


@pytest.mark.parametrize(("size", "longer"), [((97, 50), 50), ((161, 50), 50), ((50, 97), 50), ((333, 500), 321)])
def test_the_base_size_is_met_exactly(size, longer):
    sample = {"image": np.zeros((*size, 3), np.uint8), "mask": np.zeros(size, np.uint8)}
    item = scaled_crop(imagenet_input(), [1.0], 1, base_size=longer)
    seen = []

    class Recorder(random.Random):
        def randint(self, low, high):
            seen.append(high + 1)
            return low

    item(sample, Recorder())
    assert max(seen) == longer
    assert min(seen) == int(longer * min(size) / max(size))


@pytest.mark.parametrize(
    ("size", "resized"), [((30, 45), (342, 513)), ((500, 375), (513, 385)), ((333, 500), (342, 513))]
)
def test_the_demo_brings_the_longer_side_to_its_size(size, resized):
    assert demo_image(np.zeros((*size, 3), np.uint8)).shape[:2] == resized


def test_a_batch_without_a_label_is_named(capsys):
    image = torch.zeros(3, 2, 2)
    empty, full = torch.full((2, 2), 255), torch.zeros(2, 2, dtype=torch.int64)
    batch = stack_samples([{"id": "a", "image": image, "mask": empty}, {"id": "b", "image": image, "mask": full}], 255)
    assert batch["mask"].shape == (2, 2, 2)
    assert capsys.readouterr().err == ""
    stack_samples([{"id": "a", "image": image, "mask": empty}, {"id": "c", "image": image, "mask": empty}], 255)
    assert "a, c is ignored" in capsys.readouterr().err
