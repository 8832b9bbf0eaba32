from dataclasses import replace

import pytest
import torch

from common.engine.optimizer import OptimizerConfig
from common.errors import ConfigError
from common.models.backbones import BackboneConfig
from common.models.fold import fold_batchnorm
from deeplabv2.networks.registry import (
    NETWORKS,
    bare_network,
    grouped_parameters,
    input_convention,
    network_kind,
    starting_network,
)
from deeplabv2.networks.settings import NetworkConfig

SMALL_BACKBONE = BackboneConfig(name="resnet18", width=0.125, output_stride=8)
I2CRC = NetworkConfig("I2CRC_ResNet101_MSC")
# DeepLabV3Plus, of another form, has a file of its own.
TRAINED = [NetworkConfig(name) for name, kind in NETWORKS.items() if kind.trains and name != "DeepLabV3Plus"]
OPTIMIZER = OptimizerConfig(lr=2.5e-4)


def label(config):
    return config.name


def on_meta(config, n_labels=5):
    with torch.device("meta"):
        return starting_network(replace(config, n_labels=n_labels))


@pytest.mark.parametrize("n_labels", [2, 182])
@pytest.mark.parametrize("model", TRAINED, ids=label)
def test_every_network_takes_any_number_of_labels_and_has_output_stride_8(model, n_labels):
    network = on_meta(model, n_labels).eval()
    with torch.device("meta"):
        assert network(torch.zeros(1, 3, 65, 97)).shape == (1, n_labels, 9, 13)


def test_the_small_rates_are_what_the_name_says():
    network = on_meta(NetworkConfig("DeepLabV2S_ResNet101_MSC"))
    assert [branch.dilation[0] for branch in network.base.aspp.children()] == [3, 6, 9, 12]
    with pytest.raises(ConfigError, match=r"network\.rates"):
        on_meta(NetworkConfig("DeepLabV2S_ResNet101_MSC", rates=[1, 2]))


@pytest.mark.parametrize(
    "model", [model for model in TRAINED if "ResNet101" in model.name and model != I2CRC], ids=label
)
def test_batchnorm_of_published_networks_is_constant_through_training(model):
    network = bare_network(NetworkConfig(model.name, 2, blocks=[1, 1, 1, 1])).train()
    layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert layers
    assert not any(layer.training or layer.weight.requires_grad or layer.bias.requires_grad for layer in layers)
    assert {layer.momentum for layer in layers} == {0.001}
    assert network.training


def test_i2crc_trains_its_batchnorm_and_keeps_dilation_1_in_first_blocks():
    network = on_meta(I2CRC).train()
    body = network.base.features
    assert body.bn1.training
    assert body.bn1.weight.requires_grad
    assert [[block.conv2.dilation[0] for block in layer][:3] for layer in (body.layer3, body.layer4)] == [
        [1, 2, 2],
        [1, 4, 4],
    ]


@pytest.mark.parametrize("model", [model for model in TRAINED if model != I2CRC], ids=label)
def test_everything_that_learns_is_in_one_group_and_the_head_learns_faster(model):
    network = on_meta(model)
    groups = {group["name"]: group for group in grouped_parameters(network, model, OPTIMIZER)}
    grouped = [parameter for group in groups.values() for parameter in group["params"]]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {parameter for parameter in network.parameters() if parameter.requires_grad}
    rates = [groups[name]["lr"] / groups["backbone"]["lr"] for name in ("head", "head_bias")]
    assert rates == pytest.approx([10, 20])
    assert groups["head_bias"]["weight_decay"] == 0


def test_a_frozen_head_is_in_no_group():
    model = NetworkConfig("DeepLabV1_ResNet101_MSC", freeze_head=True)
    groups = grouped_parameters(on_meta(model), model, OPTIMIZER)
    assert [group["name"] for group in groups] == ["backbone"]


@pytest.mark.parametrize("model", TRAINED, ids=label)
def test_every_network_knows_its_input(model):
    order = "RGB" if model.name == "DeepLabV2_MSC" else "BGR"
    assert input_convention(model, (104.008, 116.669, 122.675)).order == order


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            NetworkConfig("DeepLabV3_ResNet101_MSC"),
            "DeepLabV3_ResNet101_MSC.*one of DeepLabV2_ResNet101_MSC, .*DeepLabV2_MSC",
        ),
        (
            NetworkConfig(backbone=SMALL_BACKBONE),
            "backbone of DeepLabV2_MSC, DeepLabV3Plus and DSRG; DeepLabV2_ResNet101_MSC",
        ),
        (replace(I2CRC, backbone=SMALL_BACKBONE), "I2CRC_ResNet101_MSC has its own"),
    ],
)
def test_a_choice_that_cannot_be_met_is_an_error(model, message):
    with pytest.raises(ConfigError, match=message):
        network_kind(model)


def test_initial_weights_of_new_heads():
    network = bare_network(NetworkConfig("DeepLabV2_MSC", 21, SMALL_BACKBONE))
    assert network.base.aspp.c0.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert all(bool((branch.bias == 0).all()) for branch in network.base.aspp.children())


def test_published_batchnorm_folds_into_its_convolutions():
    network = bare_network(NetworkConfig(n_labels=2, blocks=[1, 1, 1, 1])).eval()
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(layer.running_var, 0.5, 2)
            torch.nn.init.uniform_(layer.running_mean, -1, 1)
    folded, images = fold_batchnorm(network), torch.randn(1, 3, 33, 33)
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in folded.modules())
    with torch.inference_mode():
        torch.testing.assert_close(folded(images), network(images), rtol=1e-3, atol=1e-4)


# DSRG_VGG16 draws all its layers a second time, in their order.
@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "DSRG_VGG16"])
def test_the_backbone_is_drawn_before_the_head(name):
    config = NetworkConfig(name, 2, blocks=[1, 1, 1, 1])
    if NETWORKS[name].backbone == "all":
        config = replace(config, backbone=SMALL_BACKBONE, pyramid=[])
    states = []
    for n_labels in (2, 3):
        torch.manual_seed(0)
        states.append(bare_network(replace(config, n_labels=n_labels)).state_dict())
    few, more = states
    names = [key for key in few if NETWORKS[name].head not in key]
    assert names and all(torch.equal(few[key], more[key]) for key in names)
