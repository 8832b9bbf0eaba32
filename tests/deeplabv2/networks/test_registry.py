import pytest
import torch

from common.errors import ConfigError
from common.models.backbones import BackboneConfig
from common.models.fold import fold_batchnorm
from deeplabv2.networks.build import bare_network, build_network, input_convention, network_groups
from deeplabv2.networks.registry import NETWORKS, network_kind
from deeplabv2.sections_data import Dataset
from deeplabv2.sections_training import Model
from deeplabv2.settings import DeepLabConfig

SMALL_BODY = BackboneConfig(name="resnet18", width=0.125, output_stride=8)
TRAINED = [Model(NAME=name) for name, kind in NETWORKS.items() if kind.trains]
PRESET = Model(PRESET="i2crc")


def label(model):
    return model.PRESET or model.NAME


def on_meta(model, n_labels=5):
    with torch.device("meta"):
        return build_network(DeepLabConfig(MODEL=model, DATASET=Dataset(N_CLASSES=n_labels)))


@pytest.mark.parametrize("n_labels", [2, 182])
@pytest.mark.parametrize("model", [*TRAINED, PRESET], ids=label)
def test_every_network_takes_any_number_of_labels_and_has_output_stride_8(model, n_labels):
    network = on_meta(model, n_labels).eval()
    with torch.device("meta"):
        assert network(torch.zeros(1, 3, 65, 97)).shape == (1, n_labels, 9, 13)


def test_the_small_rates_are_what_the_name_says():
    network = on_meta(Model(NAME="DeepLabV2S_ResNet101_MSC"))
    assert [branch.dilation[0] for branch in network.base.aspp.children()] == [3, 6, 9, 12]
    with pytest.raises(ConfigError, match="ATROUS_RATES"):
        on_meta(Model(NAME="DeepLabV2S_ResNet101_MSC", ATROUS_RATES=[1, 2]))


@pytest.mark.parametrize("model", [model for model in TRAINED if "ResNet101" in model.NAME], ids=label)
def test_batchnorm_of_published_networks_is_constant_through_training(model):
    network = bare_network(Model(NAME=model.NAME, N_BLOCKS=[1, 1, 1, 1]), 2).train()
    layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert layers
    assert not any(layer.training or layer.weight.requires_grad or layer.bias.requires_grad for layer in layers)
    assert {layer.momentum for layer in layers} == {0.001}
    assert network.training


def test_i2crc_trains_its_batchnorm_and_keeps_dilation_1_in_first_blocks():
    network = on_meta(PRESET).train()
    body = network.base.features
    assert body.bn1.training
    assert body.bn1.weight.requires_grad
    assert [[block.conv2.dilation[0] for block in layer][:3] for layer in (body.layer3, body.layer4)] == [
        [1, 2, 2],
        [1, 4, 4],
    ]


@pytest.mark.parametrize("model", TRAINED, ids=label)
def test_everything_that_learns_is_in_one_group_and_the_head_learns_faster(model):
    network = on_meta(model)
    groups = {group["name"]: group for group in network_groups(network, model, DeepLabConfig().SOLVER)}
    grouped = [parameter for group in groups.values() for parameter in group["params"]]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {parameter for parameter in network.parameters() if parameter.requires_grad}
    rates = [groups[name]["lr"] / groups["body"]["lr"] for name in ("head", "head_bias")]
    assert rates == pytest.approx([10, 20])
    assert groups["head_bias"]["weight_decay"] == 0


def test_a_frozen_head_is_in_no_group():
    model = Model(NAME="DeepLabV1_ResNet101_MSC", FREEZE_HEAD=True)
    groups = network_groups(on_meta(model), model, DeepLabConfig().SOLVER)
    assert [group["name"] for group in groups] == ["body"]


@pytest.mark.parametrize(
    ("model", "order"),
    [*((model, "RGB" if model.NAME == "DeepLabV2_MSC" else "BGR") for model in TRAINED), (PRESET, "BGR")],
    ids=lambda value: label(value) if isinstance(value, Model) else value,
)
def test_every_network_knows_its_input(model, order):
    assert input_convention(DeepLabConfig(MODEL=model)).order == order


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            Model(NAME="DeepLabV3_ResNet101_MSC"),
            "DeepLabV3_ResNet101_MSC.*one of DeepLabV2_ResNet101_MSC, .*DeepLabV2_MSC",
        ),
        (Model(NAME="DeepLabV2_VGG16_MSC", PRESET="i2crc"), "PRESET i2crc"),
        (Model(BODY=SMALL_BODY), "BODY is the body of DeepLabV2_MSC; DeepLabV2_ResNet101_MSC"),
        (Model(PRESET="i2crc", BODY=SMALL_BODY), "i2crc has its own"),
    ],
)
def test_a_choice_that_cannot_be_met_is_an_error(model, message):
    with pytest.raises(ConfigError, match=message):
        network_kind(model)


def test_initial_weights_of_new_heads():
    network = bare_network(Model(NAME="DeepLabV2_MSC", BODY=SMALL_BODY), 21)
    assert network.base.aspp.c0.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert all(bool((branch.bias == 0).all()) for branch in network.base.aspp.children())


def test_published_batchnorm_folds_into_its_convolutions():
    network = bare_network(Model(N_BLOCKS=[1, 1, 1, 1]), 2).eval()
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(layer.running_var, 0.5, 2)
            torch.nn.init.uniform_(layer.running_mean, -1, 1)
    folded, images = fold_batchnorm(network), torch.randn(1, 3, 33, 33)
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in folded.modules())
    with torch.inference_mode():
        torch.testing.assert_close(folded(images), network(images), rtol=1e-3, atol=1e-4)
