"""Features of the pixels, made on the host and on a device."""

import numpy as np
import pytest
import torch

from common.crf.features import colour_features, n_empty_of, position_features
from common.crf.presets import PRESETS
from common.crf.tensor_engine import colours, positions_on

SETTINGS = PRESETS["deeplab"]


@pytest.mark.parametrize(("size", "n_empty"), [((2, 2), 0), ((3, 3), 3), ((1, 5), 3), ((5, 2), 2)])
def test_rows_of_zeros_fill_up_to_four_pixels(size, n_empty):
    assert n_empty_of(size) == n_empty
    features = position_features(size, 3.0)
    assert features.shape == (size[0] * size[1] + n_empty, 2)
    assert (features[size[0] * size[1] :] == 0).all()


def test_features_are_positions_and_colours_in_standard_deviations():
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    np.testing.assert_allclose(colour_features(image, SETTINGS)[4], [1 / 67, 1 / 67, 4, 13 / 3, 14 / 3], rtol=1e-6)


def test_a_device_makes_the_same_bits():
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), np.uint8)
    made = colours(torch.from_numpy(images), SETTINGS).numpy()
    for image, features in zip(images, made, strict=True):
        np.testing.assert_array_equal(features, colour_features(image, SETTINGS))
    np.testing.assert_array_equal(positions_on(torch.device("cpu"), (5, 7), 3.0), position_features((5, 7), 3.0))
