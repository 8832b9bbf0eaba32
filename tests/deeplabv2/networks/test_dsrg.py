import pytest
import torch

from common.errors import ConfigError
from common.models.backbones import BackboneConfig, build_backbone
from deeplabv2.networks.dsrg import DeepLabVGG16, DSRGNetwork
from deeplabv2.networks.settings import RATES, NetworkConfig


def tiny(rates=RATES):
    torch.manual_seed(0)
    return DeepLabVGG16(5, rates, width=0.05).eval()


@pytest.mark.parametrize(("side", "positions"), [(33, 5), (41, 6), (64, 9), (48, 7)])
def test_pools_round_up_as_in_caffe(side, positions):
    with torch.inference_mode():
        assert tiny()(torch.zeros(1, 3, side, side)).shape == (1, 5, positions, positions)


def test_the_published_network_has_its_number_of_parameters():
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in DeepLabVGG16(21, RATES).parameters()) == 37_877_652


def test_branches_are_added_up():
    network = tiny((1, 2))
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
    logits = DeepLabVGG16(5, RATES, width=0.125).eval()(60 * torch.randn(1, 3, 33, 33))
    assert logits.softmax(1).max() < 0.9


def test_rates_below_one_are_an_error():
    with pytest.raises(ConfigError, match=r"network\.rates"):
        NetworkConfig("DSRG_VGG16", rates=[0, 6])


def backbone():
    return build_backbone(BackboneConfig(name="resnet18", width=0.125, output_stride=8))


def test_another_backbone_has_a_position_per_eight_pixels_too():
    network = DSRGNetwork(backbone(), 5, (1, 2)).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 33, 41)).shape == (1, 5, 5, 6)


def test_another_backbone_gets_images_in_its_own_convention():
    network = DSRGNetwork(backbone(), 5, (1,)).eval()
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
        DSRGNetwork(coarse, 5, (1,))
