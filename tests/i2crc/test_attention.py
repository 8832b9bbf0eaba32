"""From class maps to attention at image size: shares of the maximum, cut to 8 bits before they are enlarged."""

import cv2
import numpy as np
import pytest
import torch

from common.cam.inference import resize_maps
from common.errors import ConfigError, NonFiniteError
from common.models.backbones import BackboneConfig
from i2crc.attention import AttentionConfig, AttentionMaps, attention
from i2crc.network import build_classifier

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("eight_bits", "expected"),
    [(True, [255 / 255, 127 / 255, 1 / 255, 0]), (False, [1, 0.5, 0.007, 0])],
    ids=["as published", "in full"],
)
def test_shares_of_the_maximum_are_cut_to_whole_grey_levels(eight_bits, expected):
    maps = torch.tensor([[[4.0, 2.0, 0.028, 0.0]]])
    np.testing.assert_allclose(attention(maps, (1, 4), eight_bits)[0, 0], expected, atol=1e-6)


def test_they_are_cut_before_they_are_enlarged():
    maps = torch.rand(2, 5, 7, generator=torch.Generator().manual_seed(0))
    found = attention(maps, (30, 41))
    for one, enlarged in zip(maps.numpy(), found, strict=True):
        grey = np.floor(one / (one.max() + 1e-8) * np.float32(255)).astype(np.uint8)
        wanted = cv2.resize(grey, (41, 30), interpolation=cv2.INTER_CUBIC)
        np.testing.assert_array_equal(np.rint(enlarged * 255), wanted)
    assert np.abs(found - attention(maps, (30, 41), False)).max() < 2 / 255


@pytest.mark.parametrize("eight_bits", [True, False])
def test_attention_is_within_0_and_1_at_image_size_though_the_filter_overshoots(eight_bits):
    maps = torch.zeros(1, 4, 4)
    maps[0, 1:3, 1:3] = 7
    found = attention(maps, (23, 37), eight_bits)
    assert found.shape == (1, 23, 37) and found.dtype == np.float32
    assert found.min() == 0 and found.max() == 1


@pytest.mark.parametrize("eight_bits", [True, False])
def test_a_class_without_a_positive_value_is_zero_and_no_class_is_no_map(eight_bits):
    assert not attention(torch.zeros(1, 3, 4), (9, 8), eight_bits).any()
    assert attention(torch.zeros(0, 3, 4), (9, 8), eight_bits).shape == (0, 9, 8)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_classifier(BackboneConfig(name="vgg16", output_stride=8, width=0.125), 4).eval()


def sample_of(*sides, keys=(1, 3)):
    generator = torch.Generator().manual_seed(1)
    pyramid = [torch.randn(3, side, side, generator=generator) for side in sides]
    return {"keys": np.array(keys, int), "size": (21, 34), "pyramid": pyramid}


def positive_maps(network, level, keys):
    with torch.inference_mode():
        return network.class_maps(level[None])[0, list(keys)].relu()


def test_as_published_one_pass_makes_the_maps_of_the_tagged_classes(network):
    sample = sample_of(32)
    (cams,) = AttentionMaps(network, AttentionConfig(), CPU)([sample])
    wanted = attention(positive_maps(network, sample["pyramid"][0], (1, 3)), (21, 34))
    assert cams.keys.tolist() == [1, 3]
    np.testing.assert_allclose(cams.maps, wanted, atol=1.01 / 255)


def test_scales_and_mirror_images_are_summed_at_the_size_of_the_finest(network):
    sample, config = sample_of(32, 48), AttentionConfig(scales=[1.0, 1.5], flip=True, eight_bits=False)
    (cams,) = AttentionMaps(network, config, CPU)([sample])
    total = torch.zeros(2, 6, 6)
    for level in sample["pyramid"]:
        total += resize_maps(positive_maps(network, level, (1, 3)), (6, 6))
        total += resize_maps(positive_maps(network, level.flip(2), (1, 3)).flip(2), (6, 6))
    np.testing.assert_allclose(cams.maps, attention(total, (21, 34), False), atol=1e-4)


def test_an_image_without_tags_has_no_map(network):
    (cams,) = AttentionMaps(network, AttentionConfig(), CPU)([sample_of(32, keys=())])
    assert cams.maps.shape == (0, 21, 34) and not len(cams.keys)


def test_maps_that_are_not_finite_are_an_error(network):
    sample = sample_of(32)
    sample["pyramid"][0][:, 8] = torch.inf
    with pytest.raises(NonFiniteError):
        AttentionMaps(network, AttentionConfig(), CPU)([sample])


def test_a_longer_side_has_no_meaning_for_squares():
    with pytest.raises(ConfigError, match="long_side"):
        AttentionConfig(long_side=300)
