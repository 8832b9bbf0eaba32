from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import functional

from common.data import transforms
from common.data.transforms import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    MEAN_COLOUR,
    ColorJitter,
    Compose,
    RandomCrop,
    RandomFlip,
    RandomResizedCrop,
    ResizeLongSide,
    ToTensors,
)
from common.errors import DataError
from tests.common.data.whole_images import PadToSize, RandomScale

PAD = PadToSize(30, (1, 2, 3))
RANDOM = Compose([RandomScale([0.5, 0.8, 1.3]), PAD, RandomCrop(24), RandomFlip(), ColorJitter(0.4), ToTensors()])


def make_sample(height=20, width=26, maps=2):
    """Every entry holds the same ramp, so that entries that belong together are equal."""
    ramp = 3 * np.arange(height)[:, None] + 5 * np.arange(width)[None]
    image = np.repeat(ramp[..., None], 3, axis=2).astype(np.uint8)
    dense = np.repeat(ramp[..., None], maps, axis=2).astype(np.float32)
    return {
        "id": "one",
        "image": image,
        "mask": ramp.astype(np.uint8),
        "saliency": ramp.astype(np.uint8),
        "dense": dense,
    }


def apply(transform, sample=None, seed=0):
    return transform(sample or make_sample(), random.Random(seed))


def assert_aligned(sample, tolerance=0):
    image = sample["image"][..., 0].astype(float)
    for name in ("saliency", "mask"):
        assert np.abs(sample[name] - image).max() <= tolerance, name
    assert np.abs(sample["dense"] - image[..., None]).max() <= tolerance


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("transform", [RandomFlip(), RandomCrop(12), Compose([RandomCrop(14), RandomFlip()])])
def test_flips_and_crops_keep_all_entries_aligned(transform, seed):
    assert_aligned(apply(transform, seed=seed))


@pytest.mark.parametrize("transform", [RandomScale([1.7]), RandomScale([0.6]), ResizeLongSide(40)])
def test_resizing_keeps_all_entries_aligned(transform):
    sample = apply(transform)
    # Half a pixel of the nearest neighbour in both directions.
    assert_aligned(sample, tolerance=6)
    assert {sample[name].shape[:2] for name in transforms.SPATIAL} == {sample["image"].shape[:2]}


def test_a_random_resized_crop_keeps_all_entries_aligned():
    for seed in range(5):
        sample = apply(RandomResizedCrop(32, (0.3, 1.0)), seed=seed)
        assert_aligned(sample, tolerance=6)
        assert sample["image"].shape == (32, 32, 3) and sample["dense"].shape == (32, 32, 2)


def test_padding_goes_below_and_right_with_the_fill_of_each_entry():
    old, sample = make_sample(), apply(PAD)
    for name in transforms.SPATIAL:
        assert sample[name].shape[:2] == (30, 30) and sample[name].dtype == old[name].dtype
        np.testing.assert_array_equal(sample[name][:20, :26], old[name])
    outside = np.ones((30, 30), bool)
    outside[:20, :26] = False
    assert (sample["image"][outside] == (1, 2, 3)).all()
    assert (sample["mask"][outside] == 255).all()
    assert (sample["saliency"][outside] == 0).all() and (sample["dense"][outside] == 0).all()


def test_a_large_enough_sample_is_not_padded():
    assert apply(PadToSize(20, (0, 0, 0)), make_sample(20, 26))["image"].shape == (20, 26, 3)


def test_the_mask_is_filled_with_the_label_that_is_asked_for():
    assert apply(PadToSize(30, (0, 0, 0), mask_fill=0))["mask"][-1, -1] == 0


@pytest.mark.parametrize("transform", [RandomScale([0.37]), RandomScale([2.3]), RandomResizedCrop(50, (0.2, 0.9))])
def test_resizing_a_mask_makes_no_new_labels(transform):
    sample = make_sample()
    sample["mask"] = np.where(sample["mask"] % 2, np.uint8(255), np.uint8(3))
    assert set(np.unique(apply(transform, sample)["mask"])) == {3, 255}


@pytest.mark.parametrize("maps", [0, 1, 7])
def test_dense_maps_keep_their_number(maps):
    sample = apply(Compose([RandomFlip(), RandomScale([0.7]), PAD, ToTensors()]), make_sample(maps=maps), seed=1)
    assert sample["dense"].shape == (maps, 30, 30)


def test_scaled_sizes_are_rounded_down_but_never_to_nothing():
    assert apply(RandomScale([0.49]), make_sample(11, 21))["image"].shape == (5, 10, 3)
    assert apply(RandomScale([0.01]), make_sample(11, 21))["image"].shape == (1, 1, 3)
    assert apply(ResizeLongSide(10), make_sample(11, 21))["image"].shape == (5, 10, 3)


def test_every_crop_position_can_be_drawn_and_no_other():
    sample = make_sample(5, 6)
    corners = {apply(RandomCrop(4), sample, seed=seed)["image"][0, 0, 0] for seed in range(200)}
    assert corners == {3 * top + 5 * left for top in (0, 1) for left in (0, 1, 2)}


def test_a_sample_smaller_than_its_crop_is_an_error_that_names_it():
    with pytest.raises(DataError, match="one is 20 x 26 pixels, too small to cut 24 x 24"):
        apply(RandomCrop(24))


def test_half_of_the_samples_are_flipped():
    flipped = [apply(RandomFlip(), seed=seed)["image"][0, 0, 0] != 0 for seed in range(200)]
    assert 70 < sum(flipped) < 130


def test_the_area_of_a_random_resized_crop_lies_in_its_range():
    sample = make_sample(60, 60)
    for seed in range(50):
        cut = apply(RandomResizedCrop(60, (0.25, 0.5)), sample, seed)["dense"][..., 0]
        # The ramp shows how much of it is left in each direction.
        share = (cut[-1, 0] - cut[0, 0]) / (3 * 59) * (cut[0, -1] - cut[0, 0]) / (5 * 59)
        assert 0.2 < share < 0.52


def test_colour_jitter_is_that_of_torchvision():
    image = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    rng = random.Random(3)
    expected = Image.fromarray(image)
    for adjust in (functional.adjust_brightness, functional.adjust_contrast, functional.adjust_saturation):
        expected = adjust(expected, rng.uniform(0.6, 1.4))
    np.testing.assert_array_equal(
        apply(ColorJitter(0.4), {"image": image[:, ::-1][:, ::-1]}, seed=3)["image"], expected
    )


def test_colour_jitter_of_strength_0_changes_nothing():
    np.testing.assert_array_equal(apply(ColorJitter(0.0))["image"], make_sample()["image"])


def test_tensors_have_the_ranges_and_types_that_networks_expect():
    sample = {**make_sample(), "tags": np.array([0, 1])}
    sample["image"][0, 0] = MEAN_COLOUR
    sample["saliency"][0, :2] = (0, 255)
    tensors = apply(ToTensors(), sample)
    shapes = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items() if name != "id"}
    assert shapes == {
        "image": ((3, 20, 26), torch.float32),
        "mask": ((20, 26), torch.int64),
        "saliency": ((20, 26), torch.float32),
        "dense": ((2, 20, 26), torch.float32),
        "tags": ((2,), torch.float32),
    }
    assert tensors["image"][:, 0, 0].abs().max() < 0.01
    assert tensors["saliency"][0, :2].tolist() == [0, 1]
    assert tensors["mask"].max() == sample["mask"].max() and tensors["id"] == "one"


def test_images_are_normalised_with_the_mean_and_deviation_of_imagenet():
    image = np.array([[[0, 128, 255]]], np.uint8)
    expected = (image / 255 - IMAGENET_MEAN) / IMAGENET_STD
    np.testing.assert_allclose(ToTensors().image(image)[:, 0, 0], expected[0, 0], rtol=1e-5)


def test_equal_random_states_give_equal_samples_and_others_do_not():
    first, again, other = (apply(RANDOM, seed=seed) for seed in (1, 1, 2))
    for name in transforms.SPATIAL:
        assert torch.equal(first[name], again[name])
    assert not torch.equal(first["image"], other["image"])


def test_the_sample_that_goes_in_stays_as_it_was():
    sample = make_sample()
    for seed in range(4):
        apply(RANDOM, sample, seed)
    for name, value in make_sample().items():
        np.testing.assert_array_equal(sample[name], value)
