import pytest
import torch
from torch import nn

from common.errors import ConfigError
from common.models.resnet38 import ResNet38, published_tensor_name, renamed_published_weights
from tests.dropping import dropped

NARROW = 0.125


@pytest.fixture(scope="module")
def network() -> ResNet38:
    torch.manual_seed(0)
    return ResNet38(NARROW).eval()


@pytest.mark.parametrize(("height", "width"), [(64, 64), (33, 50), (41, 9)])
def test_features_have_an_eighth_of_the_image_size_rounded_up(network, height, width):
    with torch.inference_mode():
        taps = network.taps(torch.randn(1, 3, height, width))
    size = (-(-height // 8), -(-width // 8))
    assert [tuple(tap.shape[1:]) for tap in taps] == [(64, *size), (128, *size), (512, *size)]
    assert network.tap_channels == (64, 128, 512)


def test_the_output_is_the_last_tap(network):
    images = torch.randn(1, 3, 24, 24)
    with torch.inference_mode():
        assert torch.equal(network(images), network.taps(images).conv6)


def test_full_width_has_the_parameters_of_the_paper():
    with torch.device("meta"):
        n_parameters = sum(parameter.numel() for parameter in ResNet38().parameters())
    head = 4096 * 21 + 512 * 64 + 1024 * 128 + 195 * 192
    assert (n_parameters + head) / 1e6 == pytest.approx(105.36, abs=0.005)


def test_the_stages_hold_every_parameter_once(network):
    in_stages = [id(parameter) for stage in network.stages for parameter in stage.parameters()]
    assert sorted(in_stages) == sorted(id(parameter) for parameter in network.parameters())


def test_freezing_one_stage_fixes_the_stem_and_b2():
    network = ResNet38(NARROW)
    network.freeze(1, batchnorm=True)
    network.train()
    fixed = {name.split(".")[0] for name, parameter in network.named_parameters() if not parameter.requires_grad}
    assert fixed == {"conv1a", "b2", "b2_1", "b2_2"}
    assert not any(layer.training for layer in network.modules() if isinstance(layer, nn.BatchNorm2d))
    assert network.b6.dropout_2b1.training


def test_dropout_of_the_last_blocks_is_active_in_training_only(network):
    images = torch.randn(1, 3, 24, 24)
    with torch.inference_mode():
        assert torch.equal(network(images), network(images))
        network.train()
        assert not torch.equal(network(images), network(images))
        network.eval()


def test_whole_channels_are_dropped_twice_in_each_of_the_last_blocks(network):
    images = torch.randn(1, 3, 24, 24)
    with torch.inference_mode():
        assert dropped(network.train(), images) == [("channels", 0.3)] * 2 + [("channels", 0.5)] * 2
        assert dropped(network.eval(), images) == []


def test_every_tensor_has_a_name_in_the_published_file(network):
    statistics = {"bias": "beta", "weight": "gamma", "running_mean": "moving_mean", "running_var": "moving_var"}

    def mxnet_name(name):
        block, *layer, tensor = name.split(".")
        if block == "conv1a":
            return "arg:conv1a_weight"
        if block == "bn7":
            return f"arg:bn7_{statistics[tensor]}"
        level, _, number = block.removeprefix("b").partition("_")
        unit = f"{level}{'b' + number if number else 'a'}"
        kind, branch = layer[0].split("_")
        return (
            f"arg:{'res' if kind == 'conv' else 'bn'}{unit}_{branch}_{tensor if kind == 'conv' else statistics[tensor]}"
        )

    state = {name: tensor for name, tensor in network.state_dict().items() if "num_batches" not in name}
    published = {mxnet_name(name): tensor for name, tensor in state.items()} | {"arg:linear1000_bias": torch.zeros(1)}
    renamed = renamed_published_weights(published)
    assert renamed.keys() == state.keys()
    assert all(torch.equal(renamed[name], tensor) for name, tensor in state.items())


def test_a_name_of_another_network_is_an_error():
    with pytest.raises(ConfigError, match="stage1_conv_running"):
        published_tensor_name("arg:stage1_conv_running")


def test_a_width_of_zero_is_an_error():
    with pytest.raises(ConfigError, match="width is 0"):
        ResNet38(0)
