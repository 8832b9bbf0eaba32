"""What the networks see of an image: saliency and fused maps stay where they belong."""

import random

import numpy as np
import pytest
import torch

from common.cam.files import Cams, write_cams, write_dictionary
from common.data.sampling import SampleKey, SeededDataset
from common.errors import DataError
from common.files import write_json
from smaf.samples import EpsInput, ImagesWithAttention, attention_size, require_fitting

STILL = (0.0, 0.0, 0.0, 0.0)


class Fixed(random.Random):
    """Draws what it is told: the longer side, whether to mirror, and the offsets at their greatest."""

    def __init__(self, side, mirrored):
        super().__init__(0)
        self.side, self.mirrored = side, mirrored

    def randint(self, low, high):
        assert low <= self.side <= high
        return self.side

    def random(self):
        return 0.9 if self.mirrored else 0.1

    def randrange(self, stop):
        return stop - 1


@pytest.fixture
def sample():
    """An image of 40 x 60 whose left third is white and salient, and full of its only class."""
    image, saliency = np.zeros((40, 60, 3), np.uint8), np.zeros((40, 60), np.uint8)
    image[:, :20], saliency[:, :20] = 255, 255
    maps = (saliency / 255).astype(np.float32)[None]
    return {
        "id": "one",
        "image": image,
        "tags": np.array([0, 1, 0], np.float32),
        "saliency": saliency,
        "attention": Cams(np.array([1]), maps),
    }


@pytest.mark.parametrize("mirrored", [False, True])
def test_image_saliency_and_fused_maps_show_the_same_place(sample, mirrored):
    made = EpsInput(32, [60, 60], STILL)(sample, Fixed(60, mirrored))
    assert made["image"].shape == (3, 32, 32) and made["saliency"].shape == (1, 32, 32)
    assert made["attention"].shape == (3, 8, 8) and made["id"] == "one" and made["tags"].tolist() == [0, 1, 0]
    # The square's left edge is column 28 of 60: left of it, or right of it in the mirror image, is the object.
    assert made["saliency"].mean() == pytest.approx(20 / 32 if mirrored else 0, abs=0.01)
    assert made["attention"][1].mean() == pytest.approx(float(made["saliency"].mean()), abs=0.02)
    assert made["attention"][[0, 2]].abs().sum() == 0
    white = made["image"][0] > 0
    torch.testing.assert_close(white.float(), (made["saliency"][0] > 0.5).float())


def test_outside_of_the_image_is_the_mean_colour_and_nothing_is_salient(sample):
    made = EpsInput(32, [24, 24], STILL)(sample, Fixed(24, False))
    assert made["image"][:, :16].abs().sum() == 0, "the image of 16 x 24 is placed at the right and below"
    assert made["saliency"][:, :16].sum() == 0 and made["attention"][:, :4].sum() == 0
    assert made["saliency"].sum() > 0


def test_colours_change_only_where_that_is_asked_for(sample):
    sample["image"] = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    still, changed = (
        EpsInput(32, [40, 50], jitter)(dict(sample), random.Random(1)) for jitter in (STILL, (0.3, 0.3, 0.3, 0.1))
    )
    assert not torch.equal(still["image"], changed["image"])
    assert torch.equal(still["saliency"], changed["saliency"])
    assert torch.equal(still["attention"], changed["attention"])


def test_the_same_random_numbers_give_the_same_sample(sample):
    transform = EpsInput(32, [24, 60], (0.3, 0.3, 0.3, 0.1))
    first, second = (transform(dict(sample), random.Random(5)) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in ("image", "saliency", "attention"))


def test_without_saliency_or_fused_maps_there_are_none(sample):
    del sample["saliency"], sample["attention"]
    assert EpsInput(32, [24, 60], STILL)(sample, random.Random(0)).keys() == {"id", "tags", "image"}


def test_an_image_without_any_class_has_an_empty_target(sample):
    sample["attention"] = Cams(np.zeros(0, np.int64), np.zeros((0, 40, 60), np.float32))
    assert EpsInput(32, [24, 60], STILL)(sample, random.Random(0))["attention"].abs().sum() == 0


@pytest.mark.parametrize(("side", "expected"), [(448, 112), (321, 80), (33, 8)])
def test_targets_have_a_quarter_of_the_side_rounded_down(side, expected):
    assert attention_size(side, side + 8) == (expected, expected + 2)


class Images(list):
    """Stands for :class:`ListedImages`."""

    @property
    def ids(self):
        return [sample["id"] for sample in self]


@pytest.mark.parametrize("form", ["npz", "npy"])
def test_fused_maps_are_read_in_the_toolbox_s_and_in_the_published_form(sample, tmp_path, form):
    cams = sample.pop("attention")
    if form == "npz":
        write_cams(tmp_path / "one.npz", cams, np.float32)
    else:
        write_dictionary(tmp_path / "one.npy", {1: cams.maps[0]})
    images = ImagesWithAttention(Images([sample]), tmp_path)
    read = images[0]["attention"]
    assert len(images) == 1 and read.keys.tolist() == [1]
    np.testing.assert_array_equal(read.maps, cams.maps)


def test_a_missing_folder_of_fused_maps_says_how_they_are_made(sample, tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist; run the fusion first, or give --path_soft"):
        ImagesWithAttention(Images([sample]), tmp_path / "nowhere")


def test_a_missing_file_of_fused_maps_is_named(sample, tmp_path):
    with pytest.raises(DataError, match="one"):
        ImagesWithAttention(Images([sample]), tmp_path)[0]


def test_in_place_of_an_image_without_maps_as_their_stage_failed_with_it_comes_the_next(sample, tmp_path):
    cams = sample.pop("attention")
    write_cams(tmp_path / "one.npz", cams, np.float32)
    write_json(tmp_path / "failed.json", {"broken": "cut off"})
    broken = {**sample, "id": "broken"}
    images = ImagesWithAttention(Images([broken, sample]), tmp_path)
    data = SeededDataset(images, lambda one, rng: {"id": one["id"], "draw": rng.random()}, seed=0)
    items = [data[SampleKey(0, index)] for index in range(2)]
    assert len(data) == 2 and [item["id"] for item in items] == ["one", "one"]
    assert items[0]["draw"] != items[1]["draw"], "each item has the random numbers of its place"


def test_fused_maps_of_another_size_or_of_other_classes_are_refused(sample):
    for maps, keys in ((np.zeros((1, 30, 60)), [1]), (np.zeros((1, 40, 60)), [7])):
        with pytest.raises(DataError, match="one: the fused maps are .* make them for these images"):
            require_fitting(sample, Cams(np.array(keys), maps))
