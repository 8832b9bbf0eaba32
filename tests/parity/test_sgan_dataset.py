"""Training samples equal the published loader's: image, tags, salient mask, seed; and the length of a repeated list."""

import re

import numpy as np
import pytest
import torch

from sgan.sample import SganInput, feature_size, repeated
from tests.parity.fill import filled_input
from tests.parity.sgan_cases import CASES, assert_close, cases, expected

LENGTHS = cases("dataset.npz", "ds_len")
BGR_MEAN = (104.008, 116.669, 122.675)
RGB_MEAN = (0.485, 0.456, 0.406)


def made(rule, shape):
    """The uint8 map of a rule: noise, or one value everywhere."""
    constant = re.fullmatch(r"all (\d+)", rule)
    if constant:
        return np.full(shape, int(constant[1]), np.uint8)
    name, low, high = re.search(r"filled_input\('([^']+)',.*?\), (\d+), (\d+)\)", rule).groups()
    return filled_input(name, shape, int(low), int(high)).astype(np.uint8)


def raw_sample(case):
    """What lies on disk: RGB image, saliency, seed, tags."""
    inputs = CASES[case]["inputs"]
    height, width = expected(case)["hw"]
    bgr = made(inputs["image"]["rule"], (height, width, 3))
    return {
        "id": case,
        "image": bgr[:, :, ::-1],
        "saliency": made(inputs["saliency"]["rule"], (height, width)),
        "mask": made(inputs["initial_seed"]["rule"], (height, width)),
        "tags": np.isin(np.arange(20), np.array(inputs["tags"]) - 1).astype(np.float32),
    }


@pytest.mark.parametrize("case", [case for case in cases("dataset.npz", "ds_") if case not in LENGTHS])
def test_training_sample(case):
    inputs, wanted, tolerance = CASES[case]["inputs"], expected(case), CASES[case]["tolerance"]
    colours = (RGB_MEAN if inputs["std"] else BGR_MEAN, inputs["std"] or ())
    convert = SganInput(inputs["new_size"], *colours, inputs["sal_thresh"]).convert
    sample = convert(raw_sample(case), mirror=inputs["mirror"] == "flipped")
    step = int(re.search(r"::(\d+)", inputs["slices"]["image"])[1])
    image, mask = sample["image"].numpy(), sample["salient"].numpy()
    assert_close(image[:, ::step, ::step], wanted["image"], tolerance["image"])
    assert_close(image.astype(np.float64).mean((1, 2)), wanted["image_mean"], tolerance["image"])
    np.testing.assert_array_equal(sample["tags"].numpy(), wanted["label"])
    np.testing.assert_array_equal(mask, wanted["mask"])
    np.testing.assert_array_equal(sample["seed"].numpy(), wanted["seed"])
    other = 1 - mask.reshape(-1).astype(np.float64)
    assert_close(other[0] * other / (other.sum() + 1e-5), wanted["bg_row0"], tolerance["bg_row0"])
    assert mask.sum() ** 2 == wanted["fg_sum"]
    assert other.sum() ** 2 / (other.sum() + 1e-5) == pytest.approx(float(wanted["bg_sum"]), rel=1e-5)


@pytest.mark.parametrize("case", LENGTHS)
def test_length_of_a_repeated_list(case):
    max_iters = int(re.search(r"max_iters=(\d+)", CASES[case]["ran"])[1])
    ids = [str(number) for number in range(CASES[case]["inputs"]["n_images"])]
    assert len(repeated(ids, max_iters)) == expected(case)["len"]


@pytest.mark.parametrize("size", [72, 321, 328, 344, 65])
def test_the_mask_has_the_size_of_the_features(size):
    pooled = torch.nn.MaxPool2d(3, 2, 1)
    assert feature_size(size) == pooled(pooled(pooled(torch.zeros(1, 1, size, size)))).shape[2]
