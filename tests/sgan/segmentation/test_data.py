import random

import cv2
import numpy as np
import pytest
import torch

from common.data.layout import DataConfig, open_layout
from common.data.palette import write_label_map
from common.data.sampling import SampleKey
from common.errors import ConfigError, DataError
from sgan.segmentation.data import SeedImages, SeedTensors, Warp, crf_photograph, training_data, training_transform
from sgan.segmentation.pixels import TRAINING_MEAN, caffe_tensor

RNG = np.random.Generator(np.random.PCG64(0))


def sample(height=40, width=52):
    return {
        "id": "a",
        "image": RNG.integers(0, 256, (height, width, 3)).astype(np.uint8),
        "mask": RNG.integers(0, 3, (height, width)).astype(np.uint8),
        "tags": np.ones(2, np.float32),
    }


def test_images_are_bgr_minus_the_mean():
    image = caffe_tensor(np.array([[[10, 20, 30]]], np.uint8), TRAINING_MEAN)
    torch.testing.assert_close(image[:, 0, 0], torch.tensor([30.0, 20, 10]) - torch.tensor(TRAINING_MEAN))


def test_the_crf_sees_the_networks_input_with_round_means_added():
    colours = np.full((9, 9, 3), (10, 20, 30), np.uint8)
    # 30 - 104.008 + 104, 20 - 116.669 + 117, 10 - 122.675 + 123, rounded.
    assert crf_photograph(caffe_tensor(colours, TRAINING_MEAN), 2)[0, 0].tolist() == [30, 20, 10]


def test_the_aspect_ratio_is_not_kept():
    given = sample()
    warped = Warp(33)(given, random.Random(0))
    np.testing.assert_array_equal(warped["image"], cv2.resize(given["image"], (33, 33)))
    np.testing.assert_array_equal(warped["mask"], cv2.resize(given["mask"], (33, 33), interpolation=cv2.INTER_NEAREST))


def test_a_cell_has_the_label_of_its_centre():
    given = Warp(33)(sample(), random.Random(0))
    tensors = SeedTensors()(given, random.Random(0))
    np.testing.assert_array_equal(tensors["seed"], given["mask"][::8, ::8])
    assert tensors["seed"].dtype == torch.int64 and tensors["photograph"].shape == (5, 5, 3)
    np.testing.assert_array_equal(tensors["photograph"][..., 2], given["image"][::8, ::8, 0])


@pytest.mark.parametrize(("resize", "crop"), [(41, 32), (25, 33)])
def test_a_crop_whose_cells_do_not_lie_on_the_seeds_is_an_error(resize, crop):
    with pytest.raises(ConfigError, match=r"8 k \+ 1"):
        training_transform(resize, crop, distort=True)


def test_mirroring_and_cutting_move_image_and_seed_together():
    given = sample()
    # The red channel carries the label.
    given["image"] = np.repeat(80 * given["mask"][..., None], 3, axis=2)
    transform = training_transform(33, 33, distort=False)
    given = {**given, **Warp(33)(given, random.Random(0))}
    given["image"] = np.repeat(80 * given["mask"][..., None], 3, axis=2)
    seeds = set()
    for seed in range(8):
        tensors = transform(given, random.Random(seed))
        levels = (tensors["image"][2] + TRAINING_MEAN[2])[::8, ::8]
        torch.testing.assert_close(levels, 80.0 * tensors["seed"], rtol=0, atol=1e-3)
        seeds.add(tensors["seed"].numpy().tobytes())
    assert len(seeds) == 2


@pytest.fixture
def layout(toy):
    return open_layout(DataConfig(dataset="toy", root=str(toy)))


def seeds_with(layout, folder, value):
    """A seed file for the first training image, that value in a corner."""
    image_id = layout.ids("train")[0]
    seeds = np.zeros((48, 48), np.uint8)
    seeds[:8, :8] = value
    write_label_map(folder / f"{image_id}.png", seeds)
    return SeedImages(layout, [image_id], folder, with_tags=False)


@pytest.mark.parametrize("value", [7, 255])
def test_both_codes_for_unlabelled_are_read_as_the_number_of_labels(layout, tmp_path, value):
    mask = seeds_with(layout, tmp_path, value)[0]["mask"]
    assert (mask[:8, :8] == 7).all() and not mask[8:].any()


def test_a_seed_value_that_is_no_label_is_an_error(layout, tmp_path):
    with pytest.raises(DataError, match=r"has the value 21; labels are 0\.\.6, and 7 or 255"):
        seeds_with(layout, tmp_path, 21)[0]


def test_a_missing_folder_of_seeds_is_an_error(layout, tmp_path):
    with pytest.raises(DataError, match="no folder of seeds"):
        SeedImages(layout, layout.ids("train"), tmp_path / "none", with_tags=False)


def test_tags_come_along_where_they_are_asked_for(layout, toy):
    transform = training_transform(41, 33, distort=True)
    for with_tags in (False, True):
        data = training_data(layout, layout.ids("train"), toy / "SegmentationClass", transform, 0, with_tags)
        assert ("tags" in data[SampleKey(0, 0)]) == with_tags
