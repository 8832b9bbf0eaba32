"""Pictures of scores inside and outside of the salient region."""

import re

import numpy as np
import pytest
import torch

from common.method.pictures import map_overlay
from common.models.backbones import BackboneConfig
from i2crc.network import build_classifier
from i2crc.panels import relation_panels

CLASSES = ("ring", "disc", "bar")
IMAGE = np.random.default_rng(0).integers(0, 255, (24, 40, 3), np.uint8)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return build_classifier(BackboneConfig(name="vgg16", width=0.0625, output_stride=8), 3).eval()


def sample(tags, **more):
    return {"id": "one", "image": IMAGE, "tags": np.array(tags, np.float32), **more}


def panels(network, tags, saliency):
    return list(relation_panels(network, sample(tags, saliency=saliency), 32, "imagenet", CLASSES))


def test_every_tag_and_the_distance_have_a_picture_of_image_size(network):
    found = panels(network, [0, 1, 1], np.full((24, 40), 128, np.uint8))
    assert [re.sub(r"-?\d+\.\d", "N", panel.title) for panel in found] == [
        "scores of disc: mean N inside, N outside",
        "scores of bar: mean N inside, N outside",
        "distance from the mean of the region",
    ]
    assert all(panel.image.shape == (24, 40, 3) for panel in found)


def test_means_are_of_the_scores_under_the_mask(network):
    with torch.no_grad():
        network.extra_convs[6].weight.zero_()
        network.extra_convs[6].bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
    saliency = np.zeros((24, 40), np.uint8)
    saliency[:, :20] = 255
    assert panels(network, [0, 0, 1], saliency)[0].title == "scores of bar: mean 3.0 inside, 3.0 outside"


def test_without_a_saliency_map_there_is_no_picture(network):
    assert not list(relation_panels(network, sample([1, 0, 0]), 32, "imagenet", CLASSES))


def test_constant_scores_that_are_nowhere_positive_are_drawn_too(network):
    with torch.no_grad():
        network.extra_convs[6].weight.zero_()
        network.extra_convs[6].bias.fill_(-1)
    nothing = map_overlay(IMAGE, np.zeros((24, 40), np.float32))
    for panel in panels(network, [1, 0, 0], np.zeros((24, 40), np.uint8)):
        np.testing.assert_array_equal(panel.image, nothing)
