"""How the layers start that no published weights hold: heads, branches, and whole networks without weights."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from common.models.backbones import BackboneConfig, build_backbone
from deeplabv2.networks.deeplab import Classifier, atrous_pyramid, hidden_atrous_pyramid, large_fov
from deeplabv2.networks.deeplabv3plus import DeepLabV3Plus
from deeplabv2.networks.dsrg import DeepLabVGG16, DSRGNetwork
from tests.initial_values import assert_normal, fans, he_std

BACKBONE = BackboneConfig(name="resnet18", width=0.125, output_stride=8)
CHANNELS, LABELS, RATES = 64, 5, (1, 2)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def convolutions(part):
    return [layer for layer in part.modules() if isinstance(layer, nn.Conv2d)]


@pytest.mark.parametrize(
    "head",
    [
        lambda: atrous_pyramid(CHANNELS, LABELS, RATES),
        lambda: hidden_atrous_pyramid(8, LABELS, RATES),
        lambda: large_fov(8, LABELS),
        lambda: nn.ModuleList([DSRGNetwork(build_backbone(BACKBONE), LABELS, RATES).get_submodule("fc8_1")]),
    ],
    ids=["aspp", "hidden aspp", "large fov", "dsrg"],
)
def test_heads_start_with_a_deviation_of_a_hundredth_and_no_bias(head):
    for layer in convolutions(head()):
        assert_normal(layer.weight, 0.01)
        assert not layer.bias.any()


def test_the_biases_of_i2crc_s_head_start_as_pytorch_s():
    for layer in convolutions(Classifier(CHANNELS, LABELS, RATES)):
        assert_normal(layer.weight, 0.01)
        assert layer.bias.any() and layer.bias.abs().max() <= fans(layer.weight)[0] ** -0.5


def test_dsrg_s_vgg16_starts_with_he_s_weights_but_for_its_first_and_last_layers():
    network = DeepLabVGG16(21, RATES, width=0.25)
    for name, layer in network.named_children():
        std = 0.01 if name.startswith("fc8_") else he_std(layer.weight)
        # Images are grey levels, whose deviation the first layer takes away.
        assert_normal(layer.weight, std / 58 if name == "conv1_1" else std)
        assert not layer.bias.any(), name


def test_pyramid_and_decoder_of_deeplabv3plus_start_with_he_s_weights_by_fan_in():
    network = DeepLabV3Plus(build_backbone(replace(BACKBONE, output_stride=16)), LABELS, RATES, width=0.25)
    for layer in convolutions(network.aspp) + convolutions(network.decoder):
        assert_normal(layer.weight, he_std(layer.weight))
    last = network.decoder.classifier[-1]
    assert last.bias.any() and last.bias.abs().max() <= fans(last.weight)[0] ** -0.5
    norms = [
        layer for part in (network.aspp, network.decoder) for layer in part.modules() if hasattr(layer, "num_groups")
    ]
    assert len(norms) == 8 and all((norm.weight == 1).all() and not norm.bias.any() for norm in norms)
