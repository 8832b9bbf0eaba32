import pytest
import torch
from torch import nn

from common.errors import ConfigError
from common.models.base import LayerStride, plan_strides, scaled_channels
from common.models.mobilenet import MobileNetV2
from common.models.resnet import ResNet
from common.models.vgg import VGG16

STRIDES = (2, 2, 1, 2, 2, 2)


def small_networks(output_stride: int) -> list[nn.Module]:
    return [ResNet(18, output_stride, 0.125), ResNet(50, output_stride, 0.125), MobileNetV2(output_stride, 0.25)]


def test_strides_within_the_output_stride_are_kept():
    assert plan_strides(STRIDES, 32) == [LayerStride(stride, 1, 1) for stride in STRIDES]


def test_strides_beyond_the_output_stride_become_dilation_after_the_first_convolution():
    assert plan_strides(STRIDES, 8)[-2:] == [LayerStride(1, 1, 2), LayerStride(1, 2, 4)]


@pytest.mark.parametrize("output_stride", [0, 2, 12, 64])
def test_other_output_strides_are_an_error(output_stride):
    with pytest.raises(ConfigError, match="4, 8, 16, 32"):
        plan_strides(STRIDES, output_stride)


def test_width_one_keeps_channels_and_narrow_widths_never_reach_zero():
    assert scaled_channels(64, 1.0) == 64
    assert scaled_channels(64, 0.25) == 16
    assert scaled_channels(64, 0.01) == 8


def test_a_width_that_is_not_positive_is_an_error():
    with pytest.raises(ConfigError, match="width is 0"):
        scaled_channels(64, 0)


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("output_stride", [4, 8, 16])
def test_dilated_network_subsampled_equals_the_strided_network(index, output_stride):
    torch.manual_seed(0)
    strided = small_networks(32)[index].eval()
    dilated = small_networks(output_stride)[index].eval()
    dilated.load_state_dict(strided.state_dict())
    images = torch.randn(1, 3, 97, 64)
    step = 32 // output_stride
    with torch.inference_mode():
        torch.testing.assert_close(dilated(images)[:, :, ::step, ::step], strided(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("output_stride", [4, 8, 16, 32])
def test_features_cover_the_whole_image_whatever_its_size(output_stride):
    images = torch.randn(1, 3, 65, 50)
    for network in [*small_networks(output_stride), VGG16(output_stride, 0.125)]:
        features = network.eval()(images)
        assert features.shape == (1, network.out_channels, -(-65 // output_stride), -(-50 // output_stride))


@pytest.mark.parametrize("network", [*small_networks(16), VGG16(16, 0.125)], ids=["18", "50", "mobilenet", "vgg"])
def test_the_five_stages_hold_every_parameter_once(network):
    in_stages = [id(parameter) for stage in network.stages for parameter in stage.parameters()]
    assert len(network.stages) == 5
    assert sorted(in_stages) == sorted(id(parameter) for parameter in network.parameters())


@pytest.mark.parametrize("index", range(3))
def test_frozen_stages_stay_frozen_through_train(index):
    network = small_networks(16)[index]
    network.freeze(stages=2)
    parent = nn.Sequential(network)
    parent.eval()
    parent.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network(torch.randn(2, 3, 33, 33))
    frozen, learning = network.stages[:2], network.stages[2:]
    assert not any(parameter.requires_grad for stage in frozen for parameter in stage.parameters())
    assert all(parameter.requires_grad for stage in learning for parameter in stage.parameters())
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    batchnorms = {name for name, layer in network.named_modules() if isinstance(layer, nn.BatchNorm2d)}
    in_training = {name for name in batchnorms if network.get_submodule(name).training}
    assert in_training and in_training < batchnorms
    assert changed == {f"{name}.{key}" for name in in_training for key in buffer_names()}


def buffer_names() -> tuple[str, ...]:
    return ("running_mean", "running_var", "num_batches_tracked")


def test_frozen_batchnorm_keeps_its_statistics_and_still_learns_its_weight():
    network = ResNet(18, 16, 0.125)
    network.freeze(batchnorm=True)
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network(torch.randn(2, 3, 33, 33)).sum().backward()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.bn1.weight.grad is not None
    assert network.training


@pytest.mark.parametrize("stages", [-1, 6])
def test_freezing_stages_that_do_not_exist_is_an_error(stages):
    with pytest.raises(ConfigError, match="5 stages"):
        VGG16(16, 0.125).freeze(stages)
