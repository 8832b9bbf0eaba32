"""Images as the network gets them."""

import numpy as np
import pytest
from PIL import Image

from common.errors import DataError
from deeplabv2.inference import LoadInputs, WholeImages
from deeplabv2.samples import caffe_input

MEAN = (104.008, 116.669, 122.675)


def load(folder, array, long_side=0, scales=(1.0,), pyramid=()):
    Image.fromarray(array).save(folder / "a.png")
    form = WholeImages("fp32", scales, long_side)
    return LoadInputs(lambda image_id: folder / f"{image_id}.png", caffe_input(MEAN), form, pyramid)("a")


def test_a_sample_says_which_file_and_which_size(tmp_path):
    sample = load(tmp_path, np.full((20, 30, 3), 255, np.uint8))
    assert (sample["id"], sample["path"], sample["size"]) == ("a", tmp_path / "a.png", (20, 30))
    assert tuple(sample["inputs"][0].shape) == (3, 20, 30)
    assert sample["inputs"][0][:, 0, 0].tolist() == pytest.approx([255 - mean for mean in MEAN], abs=1e-3)


def test_the_longer_side_is_scaled_and_the_size_stays_that_of_the_file(tmp_path):
    sample = load(tmp_path, np.zeros((20, 30, 3), np.uint8), long_side=60)
    assert tuple(sample["inputs"][0].shape) == (3, 40, 60)
    assert sample["size"] == (20, 30)


@pytest.mark.parametrize(("scales", "pyramid"), [((0.5,), ()), ((1.0,), (0.75,)), ((0.9, 1.0), ())])
def test_an_image_of_which_nothing_would_be_left_is_named(tmp_path, scales, pyramid):
    with pytest.raises(DataError, match=r"a\.png is 30x1 pixels"):
        load(tmp_path, np.zeros((1, 30, 3), np.uint8), scales=scales, pyramid=pyramid)
