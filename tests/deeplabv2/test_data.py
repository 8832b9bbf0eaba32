import random

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

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


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.25])
@pytest.mark.parametrize(("height", "width"), [(37, 53), (53, 37), (41, 41)])
def test_base_size_and_scale_are_one_resize_as_published(height, width, scale):
    noise = np.random.default_rng(height)
    image = noise.integers(0, 256, (height, width, 3), np.uint8)
    mask = noise.integers(0, 21, (height, width), np.uint8)
    base = 64
    # The words of the specification, section 4.2, steps 1 and 2.
    sides = (base, int(base * width / height)) if height > width else (int(base * height / width), base)
    down, across = (int(side * scale) for side in sides)
    resized = cv2.resize(image[..., ::-1].astype(np.float32), (across, down), interpolation=cv2.INTER_LINEAR)
    labels = np.asarray(Image.fromarray(mask.astype(np.int32)).resize((across, down), Image.Resampling.NEAREST))

    class TopLeftUnflipped(random.Random):
        def randint(self, low, high):
            return low

        def random(self):
            return 0.9

    crop = max(down, across)
    item = scaled_crop(caffe_input(MEAN_BGR), [scale], crop, base)({"image": image, "mask": mask}, TopLeftUnflipped())
    seen = item["image"].permute(1, 2, 0).numpy()[:down, :across] + np.float32(MEAN_BGR)
    np.testing.assert_allclose(seen, resized, atol=1e-3)
    np.testing.assert_array_equal(item["mask"].numpy()[:down, :across], labels)
    assert (item["mask"].numpy()[down:] == 255).all() and (item["mask"].numpy()[:, across:] == 255).all()


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
