"""The network of SGAN: what is new in it, how that starts, and what it drops in training."""

import pytest
import torch

from sgan.backbone import SganVGG16
from sgan.network import SGAN
from tests.dropping import dropped
from tests.initial_values import assert_default

CLASSES = 4


@pytest.fixture
def network():
    torch.manual_seed(0)
    return SGAN(SganVGG16(0.125), CLASSES, 0.25)


def inputs(count=2):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(count, 3, 33, 33, generator=generator)
    return images, torch.randint(0, 2, (count, 5, 5), generator=generator)


def test_new_layers_start_as_pytorch_makes_them_and_the_context_counts_nothing(network):
    for layer in (network.f_key, network.f_query, network.fc6_CAM, network.fc8, network.fc9):
        assert_default(layer)
    assert network.gamma.tolist() == [0] and network.gamma.requires_grad


def test_half_of_the_channels_of_the_classification_branch_are_dropped_in_training(network):
    with torch.inference_mode():
        assert dropped(network.train(), *inputs()) == [("channels", 0.5)]
        assert dropped(network.eval(), *inputs()) == []


def test_what_is_dropped_reaches_the_class_maps_and_not_the_seed_branch(network):
    with torch.inference_mode():
        trained, tested = network.train().maps(*inputs()), network.eval().maps(*inputs())
    torch.testing.assert_close(trained.segmentation, tested.segmentation)
    assert not torch.allclose(trained.cam, tested.cam)


def test_logits_are_the_means_of_the_class_maps_and_seed_logits_the_other_maps(network):
    network.gamma.data.fill_(0.5)
    with torch.inference_mode():
        scores, segmentation = network.eval()(*inputs())
        maps = network.maps(*inputs())
        fused = network.attend(maps.features, inputs()[1])
        torch.testing.assert_close(maps.segmentation, network.fc9(fused))
        torch.testing.assert_close(maps.cam, network.fc8(network.fc6_CAM(fused).relu()))
    torch.testing.assert_close(scores, maps.cam.mean((2, 3)))
    torch.testing.assert_close(segmentation, maps.segmentation)
