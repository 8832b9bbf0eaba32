"""Logits over scales and mirror images, images of several sizes, what goes wrong."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from common.errors import ConfigError, NonFiniteError
from deeplabv2.inference import Predictor, WholeImages
from deeplabv2.resize import resize_by
from tests.deeplabv2.halves import Halves

CPU = torch.device("cpu")


@pytest.fixture
def network():
    return Halves().eval()


def predicted(network, given, scales=(1.0,), flip=False, label_maps=False):
    return Predictor(WholeImages("fp32", scales, flip=flip), network, CPU, label_maps)(given)


def samples(*sizes):
    generator = torch.Generator().manual_seed(1)
    return [
        {
            "id": str(n),
            "path": Path(f"{n}.jpg"),
            "inputs": [torch.randn(3, *size, generator=generator)],
            "size": size,
            "tags": None,
        }
        for n, size in enumerate(sizes)
    ]


def test_one_scale_gives_the_networks_own_logits(network):
    (sample,) = samples((8, 12))
    (prediction,) = predicted(network, [sample])
    np.testing.assert_array_equal(prediction.logits[0], network(sample["inputs"][0][None])[0].detach().numpy())
    assert (prediction.image, prediction.size, prediction.label_map) == (Path("0.jpg"), (8, 12), None)


def test_scales_are_averaged_at_the_resolution_of_the_largest(network):
    (sample,) = samples((8, 12))
    (prediction,) = predicted(network, [sample], (0.5, 2.0))
    small, large = (network(resize_by(sample["inputs"][0][None], scale)) for scale in (0.5, 2.0))
    enlarged = functional.interpolate(small, large.shape[2:], mode="bilinear", align_corners=False)
    np.testing.assert_allclose(prediction.logits[0], ((enlarged + large) / 2)[0].detach().numpy(), rtol=1e-5, atol=1e-6)


def test_flipping_makes_the_answer_to_a_mirrored_image_its_mirror_image(network):
    (sample,) = samples((8, 12))
    mirrored = {**sample, "inputs": [sample["inputs"][0].flip(2)]}
    plain, flipped = (predicted(network, [one], flip=True)[0].logits[0] for one in (sample, mirrored))
    np.testing.assert_allclose(flipped, plain[..., ::-1], rtol=1e-5, atol=1e-6)


def test_images_of_several_sizes_come_back_in_their_order_with_label_maps_of_their_size(network):
    sizes = [(8, 12), (6, 6), (8, 12), (10, 4)]
    predictions = predicted(network, samples(*sizes), label_maps=True)
    assert [prediction.image.stem for prediction in predictions] == ["0", "1", "2", "3"]
    assert [prediction.label_map.shape for prediction in predictions] == sizes
    assert all(prediction.label_map.dtype == np.uint8 for prediction in predictions)


def test_logits_that_are_no_numbers_are_an_error_that_names_the_image(network):
    network.layer.bias.data[1] = torch.nan
    with pytest.raises(NonFiniteError, match="for 0, 1"):
        predicted(network, samples((8, 12), (8, 12)))


@pytest.mark.parametrize(("long_side", "scales"), [(0, ()), (0, (1.0, 0.0)), (-1, (1.0,))])
def test_settings_without_sense_are_refused(long_side, scales):
    with pytest.raises(ConfigError):
        WholeImages("fp32", scales, long_side)
