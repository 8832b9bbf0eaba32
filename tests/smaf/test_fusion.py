"""Fused maps: each class divided by its maximum as published, or with the probability of the background kept."""

import numpy as np
import pytest
import torch

from common.cam.inference import CamInference
from common.models.backbones import BackboneConfig
from smaf.fusion import FUSIONS, ForegroundInference, FusionConfig, foreground_maps
from smaf.network import build_network

TINY = BackboneConfig(name="resnet18", width=0.125, output_stride=8, freeze_batchnorm=True)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = build_network(TINY, 4, "projection").eval()
    with torch.no_grad():
        network.head.fc8.weight.mul_(0.2)
    return network


def sample(*keys, scales=(1.0, 0.5)):
    generator = torch.Generator().manual_seed(3)
    pyramid = [torch.randn(3, int(32 * scale), int(48 * scale), generator=generator) for scale in scales]
    return {"keys": np.array(keys, np.int64), "size": (32, 48), "pyramid": pyramid}


def fused(network, normalise, one, scales=(1.0, 0.5), flip=True):
    config = FusionConfig(scales=list(scales), flip=flip, normalise=normalise)
    return FUSIONS[normalise](network, config, CPU)([one])[0]


def test_the_published_fusion_divides_every_class_by_its_maximum(network):
    keys, maps = fused(network, "maximum", sample(0, 2))
    assert FUSIONS["maximum"] is CamInference and keys.tolist() == [0, 2]
    assert maps.shape == (2, 32, 48) and maps.min() >= 0
    assert all(0.99 < one.max() < 1 for one in maps)


def test_the_strongest_class_is_as_sure_as_the_background_is_not(network):
    one = sample(0, 2, scales=(1.0,))
    _, maps = fused(network, "foreground", one, scales=(1.0,), flip=False)
    with torch.inference_mode():
        background = network.probabilities(one["pyramid"][0][None])[0, -1:]
        expected = 1 - torch.nn.functional.interpolate(background[None], (32, 48), mode="bilinear")[0, 0]
    np.testing.assert_allclose(maps.max(0), expected.numpy(), atol=1e-4)


def test_a_class_in_which_the_network_hardly_believes_stays_weak():
    probabilities = torch.tensor([0.6, 0.03, 0.37])[:, None, None]
    assert foreground_maps(probabilities).flatten().tolist() == pytest.approx([0.63, 0.0315])


def test_classes_keep_their_order_and_range(network):
    _, maps = fused(network, "foreground", sample(0, 1, 2, 3))
    assert maps.shape == (4, 32, 48) and maps.min() >= 0 and maps.max() <= 1


@pytest.mark.parametrize("normalise", FUSIONS)
def test_an_image_without_tags_has_no_map(network, normalise):
    keys, maps = fused(network, normalise, sample())
    assert keys.shape == (0,) and maps.shape == (0, 32, 48)


@pytest.mark.parametrize("normalise", FUSIONS)
def test_mirror_images_are_fused_with_the_images(network, normalise):
    plain, mirrored = sample(1), sample(1)
    mirrored["pyramid"] = [level.flip(2) for level in mirrored["pyramid"]]
    first, second = (fused(network, normalise, one).maps for one in (plain, mirrored))
    np.testing.assert_allclose(first, second[:, :, ::-1], atol=1e-4)


def test_both_fusions_are_settings(network):
    assert FUSIONS.keys() == {"maximum", "foreground"} and FUSIONS["foreground"] is ForegroundInference
    assert FusionConfig().normalise == "maximum" and FusionConfig().scales == [0.5, 1.0, 1.5, 2.0]
