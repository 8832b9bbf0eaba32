import pytest
import torch

from common.errors import ConfigError
from common.models.backbones import BackboneConfig, build_backbone
from sgan.segmentation.body_network import DeepLabBody
from sgan.segmentation.network import DeepLabVGG16


def tiny(**settings):
    torch.manual_seed(0)
    return DeepLabVGG16(5, width=0.05, **settings).eval()


@pytest.mark.parametrize(("side", "cells"), [(33, 5), (41, 6), (64, 9), (48, 7)])
def test_pools_round_up_as_in_caffe(side, cells):
    with torch.inference_mode():
        assert tiny()(torch.zeros(1, 3, side, side)).shape == (1, 5, cells, cells)


def test_the_published_network_has_its_number_of_parameters():
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in DeepLabVGG16(21).parameters()) == 37_877_652


def test_branches_are_added_up():
    network = tiny(rates=(1, 2))
    image = 50 * torch.randn(1, 3, 33, 33)
    with torch.inference_mode():
        features = network.features(image)
        torch.testing.assert_close(network(image), network.branch(features, 1) + network.branch(features, 2))


def test_dropout_works_in_training_only():
    network, image = tiny(), 50 * torch.randn(1, 3, 33, 33)
    with torch.inference_mode():
        assert torch.equal(network(image), network(image))
        network.train()
        assert not torch.equal(network(image), network(image))


def test_random_weights_give_logits_whose_softmax_has_a_gradient():
    torch.manual_seed(0)
    logits = DeepLabVGG16(5, width=0.125).eval()(60 * torch.randn(1, 3, 33, 33))
    assert logits.softmax(1).max() < 0.9


@pytest.mark.parametrize("rates", [(), (0, 6)])
def test_a_network_without_branches_is_an_error(rates):
    with pytest.raises(ConfigError, match=r"network\.rates"):
        tiny(rates=rates)


def body(**settings):
    return build_backbone(BackboneConfig(name="resnet18", width=0.125, output_stride=8, **settings))


def test_another_body_has_a_cell_per_eight_pixels_too():
    network = DeepLabBody(body(), 5, (1, 2)).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 33, 41)).shape == (1, 5, 5, 6)


def test_another_body_gets_images_in_its_own_convention():
    network = DeepLabBody(body(), 5, (1,)).eval()
    seen = []
    network.body.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    grey_levels = torch.tensor([10.0, 100.0, 200.0])
    with torch.inference_mode():
        network((grey_levels - torch.tensor([104.008, 116.669, 122.675]))[None, :, None, None].expand(1, 3, 33, 33))
    normalised = (grey_levels.flip(0) / 255 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(seen[0][0, :, 0, 0], normalised, rtol=1e-5, atol=1e-5)


def test_another_output_stride_is_an_error():
    coarse = build_backbone(BackboneConfig(name="resnet18", width=0.125, output_stride=16))
    with pytest.raises(ConfigError, match="set 8"):
        DeepLabBody(coarse, 5, (1,))
