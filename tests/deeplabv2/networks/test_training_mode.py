"""What the networks for segmentation drop in training, and which of their BatchNorm layers go on learning."""

import pytest
import torch

from common.models.backbones import BackboneConfig, build_backbone
from deeplabv2.networks.deeplab import hidden_atrous_pyramid, large_fov
from deeplabv2.networks.deeplabv3plus import DeepLabV3Plus
from deeplabv2.networks.dsrg import DeepLabVGG16
from deeplabv2.networks.registry import NETWORKS, bare_network
from deeplabv2.networks.settings import NetworkConfig
from tests.dropping import dropped

RATES = (1, 2)
CHANNELS, ELEMENTS = ("channels", 0.5), ("elements", 0.5)
# Of one pass at one scale; the others drop nothing.
DROPPED = {
    "DeepLabV1_ResNet101_MSC": 2 * [CHANNELS],
    "DeepLabV1_VGG16_MSC": 2 * [CHANNELS],
    "DeepLabV2_VGG16_MSC": 4 * 2 * [ELEMENTS],
    "DSRG_VGG16": 4 * 2 * [ELEMENTS],
    "DeepLabV3Plus": [ELEMENTS, ELEMENTS, ("elements", 0.1)],
}
SMALL = BackboneConfig(name="resnet18", width=0.125, output_stride=8)
# Only there BatchNorm goes on learning; the backbone of the others is frozen by default.
LEARNING = {"I2CRC_ResNet101_MSC"}


def on_meta(name):
    with torch.device("meta"):
        return bare_network(NetworkConfig(name, 5, pyramid=[]))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_drops_what_its_paper_says_and_only_in_training(name):
    network, images = on_meta(name), torch.zeros(2, 3, 33, 33, device="meta")
    assert dropped(network.train(), images) == DROPPED.get(name, [])
    assert dropped(network.eval(), images) == []


@pytest.mark.parametrize("name", [name for name in NETWORKS if "VGG16" not in name])
def test_batchnorm_of_every_network_is_frozen_but_i2crc_s(name):
    network = on_meta(name).train()
    norms = [layer for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert norms and {norm.training for norm in norms} == {name in LEARNING}


@pytest.mark.parametrize("build", [large_fov, lambda *sizes: hidden_atrous_pyramid(*sizes, (1,))], ids=["fov", "aspp"])
def test_dropout_follows_each_hidden_layer_of_a_head(build):
    torch.manual_seed(0)
    head = build(8, 3).eval()
    layers = [layer for layer in head.modules() if isinstance(layer, torch.nn.Conv2d)]
    before = []
    for layer in layers[1:]:
        layer.register_forward_pre_hook(lambda _, inputs: before.append(inputs[0]))
    features = torch.randn(1, 8, 4, 4)
    head(features)
    whole, before = before, []
    head.train()(features)
    for trained, tested in zip(before, whole, strict=True):
        kept = trained != 0
        assert 0.2 < (~kept[tested != 0]).float().mean() < 0.8
    torch.testing.assert_close(before[0][before[0] != 0], 2 * whole[0][before[0] != 0])


def test_the_decoder_of_deeplabv3plus_sees_features_with_dropout():
    network = DeepLabV3Plus(build_backbone(SMALL), 5, RATES, width=0.125)
    seen = dropped(network.train(), torch.randn(2, 3, 33, 33))
    assert seen == DROPPED["DeepLabV3Plus"]
    assert dropped(network.eval(), torch.randn(2, 3, 33, 33)) == []


def test_each_branch_of_dsrg_s_vgg16_drops_twice():
    network = DeepLabVGG16(5, RATES, width=0.05)
    assert dropped(network.train(), torch.randn(1, 3, 33, 33)) == len(RATES) * 2 * [ELEMENTS]
