"""What the classifier sees: the whole image squeezed to a square, and saliency that stays where it belongs."""

import random

import numpy as np
import pytest
import torch

from common.errors import ConfigError
from i2crc.attention import AttentionConfig
from i2crc.samples import SquaredConfig, SquareInput, SquareLoader, squared_image, squared_saliency

STILL = (0.0, 0.0, 0.0, 0.0)
CHANGING = (0.3, 0.3, 0.3, 0.1)
SIDE = 32


class Fixed(random.Random):
    """Draws what it is told, and counts how often."""

    def __init__(self, value):
        super().__init__(0)
        self.value, self.draws = value, 0

    def random(self):
        self.draws += 1
        return self.value


@pytest.fixture
def sample():
    """An image of 20 x 60 whose left quarter is white and salient."""
    image, saliency = np.zeros((20, 60, 3), np.uint8), np.zeros((20, 60), np.uint8)
    image[:, :15], saliency[:, :15] = 255, 255
    return {"id": "one", "image": image, "saliency": saliency, "tags": np.array([0, 1, 0], np.float32)}


@pytest.mark.parametrize(("height", "width"), [(20, 60), (60, 20), (1, 40), (7, 7)])
def test_the_aspect_ratio_is_not_kept_and_nothing_is_cut_off(height, width):
    image = np.zeros((height, width, 3), np.uint8)
    image[:, width // 2 :] = 255
    square = squared_image(image, SIDE)
    assert square.shape == (SIDE, SIDE, 3) and square.dtype == np.uint8
    assert (square[:, 0] == 0).all() and (square[:, -1] == 255).all()
    assert square.mean() == pytest.approx(image.mean(), abs=2)


def test_saliency_is_taken_from_the_nearest_pixel_above_and_left_and_not_binarised():
    saliency = np.arange(15, dtype=np.uint8).reshape(3, 5) * 17
    squared = squared_saliency(saliency, 8)
    rows, columns = np.arange(8) * 3 // 8, np.arange(8) * 5 // 8
    assert squared.dtype == torch.float32
    np.testing.assert_array_equal(squared, saliency[rows][:, columns].astype(np.float32) / 255)


@pytest.mark.parametrize(("drawn", "mirrored"), [(0.1, True), (0.9, False)])
def test_image_and_saliency_are_mirrored_alike(sample, drawn, mirrored):
    made = SquareInput(SIDE, STILL, mirror=True)(sample, Fixed(drawn))
    assert made["image"].shape == (3, SIDE, SIDE) and made["saliency"].shape == (SIDE, SIDE)
    white, salient = made["image"][0] > 0, made["saliency"] > 0.5
    assert torch.equal(white, salient)
    assert salient[:, 0].all() != mirrored and salient[:, -1].all() == mirrored
    assert salient.float().mean() == pytest.approx(15 / 60)


def test_without_mirroring_and_colours_nothing_is_drawn(sample):
    rng = Fixed(0.1)
    made = SquareInput(SIDE, STILL)(sample, rng)
    assert rng.draws == 0 and made["saliency"][:, 0].all()


def test_colours_change_and_saliency_does_not(sample):
    sample["image"] = np.random.default_rng(0).integers(0, 255, (20, 60, 3), np.uint8)
    still, changed, again = (
        SquareInput(SIDE, jitter)(dict(sample), random.Random(1)) for jitter in (STILL, CHANGING, CHANGING)
    )
    assert not torch.equal(still["image"], changed["image"]) and torch.equal(changed["image"], again["image"])
    assert torch.equal(still["saliency"], changed["saliency"])


def test_what_the_network_does_not_need_is_left_out(sample):
    transform = SquareInput(SIDE, STILL)
    assert transform(dict(sample), random.Random(0)).keys() == {"id", "tags", "image", "saliency"}
    del sample["saliency"]
    made = transform(sample, random.Random(0))
    assert made.keys() == {"id", "tags", "image"} and made["tags"].tolist() == [0, 1, 0]


@pytest.mark.parametrize(("name", "mean", "deviation"), [("imagenet", 0.485, 0.229), ("coco", 0.471, 0.234)])
def test_the_normalisation_is_the_one_asked_for(sample, name, mean, deviation):
    trained = SquareInput(SIDE, STILL, name)(sample, random.Random(0))["image"]
    inferred = SquareLoader(Images(sample), SIDE, AttentionConfig(), name)("one")["pyramid"][0]
    assert torch.equal(trained, inferred)
    assert trained[0, 0, -1].item() == pytest.approx(-mean / deviation, abs=1e-6)


class Images:
    """Stands for the images of a list."""

    def __init__(self, sample):
        self.sample = sample

    def read(self, image_id):
        return {**self.sample, "id": image_id}


def test_the_loader_knows_the_image_s_size_and_classes_and_makes_a_square_of_every_scale(sample):
    loaded = SquareLoader(Images(sample), SIDE, AttentionConfig(scales=[0.5, 1.0, 1.25, 0.1]), "imagenet")("one")
    assert loaded["size"] == (20, 60) and loaded["keys"].tolist() == [1]
    # No square is smaller than one position of the maps.
    assert [tuple(level.shape) for level in loaded["pyramid"]] == [(3, side, side) for side in (16, 32, 40, 8)]


def test_a_square_smaller_than_one_position_of_the_maps_is_refused():
    with pytest.raises(ConfigError, match="side is 7; give a whole number from 8"):
        SquaredConfig(side=7)
