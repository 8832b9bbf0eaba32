import copy

import pytest
import torch
from torch import nn

from common.models.dilated_depthwise import GradientsOnGrids, repair_dilated_depthwise, suits
from common.models.frozen import fold_frozen_batchnorm, freeze_batchnorm_parameters
from common.models.mobilenet import MobileNetV2


def depthwise(channels=24, kernel=3, dilation=2, bias=True, **options):
    torch.manual_seed(0)
    options = {"padding": dilation * (kernel // 2), "dilation": dilation, "groups": channels} | options
    return nn.Conv2d(channels, channels, kernel, bias=bias, **options)


def repaired(network):
    network = copy.deepcopy(network)
    assert repair_dilated_depthwise(network)
    return network


def gradients(network, images, of_output):
    """Output, then the gradients of the images and of every parameter."""
    images = images.clone(memory_format=torch.preserve_format).requires_grad_()
    output = network(images)
    return [output, *torch.autograd.grad(output, [images, *network.parameters()], of_output.to(output.dtype))]


@pytest.mark.parametrize("size", [(12, 16), (13, 7), (1, 5), (41, 33)], ids=str)
@pytest.mark.parametrize(("kernel", "dilation"), [(3, 2), (3, 4), (5, 3)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
def test_output_and_gradients_are_those_of_the_convolution(size, kernel, dilation, layout):
    layer = depthwise(24, kernel, dilation, bias=dilation != 4)
    images = torch.randn(2, 24, *size).contiguous(memory_format=layout)
    of_output = torch.randn(2, 24, *size)
    wanted = gradients(copy.deepcopy(layer).double(), images.double(), of_output)
    for own, other in zip(gradients(repaired(layer), images, of_output), wanted, strict=True):
        torch.testing.assert_close(own.double(), other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dilation", [2, 3, 4])
def test_the_weights_gradient_is_right_in_bfloat16_and_channels_last_on_wide_maps(dilation):
    layer = depthwise(64, 3, dilation)
    images = torch.randn(2, 64, 41, 41).contiguous(memory_format=torch.channels_last)
    of_output = torch.randn(2, 64, 41, 41).contiguous(memory_format=torch.channels_last)
    wanted = gradients(layer, images, of_output)
    with torch.autocast("cpu", torch.bfloat16):
        found = gradients(repaired(layer), images, of_output)
    assert found[0].dtype == torch.bfloat16
    for own, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(own.float(), other, rtol=0.02, atol=0.01 * other.abs().max().item())


def test_only_what_needs_a_gradient_gets_one():
    layer = repaired(depthwise())
    layer.weight.requires_grad_(False)
    images = torch.randn(1, 24, 9, 9)
    layer(images).sum().backward()
    assert layer.weight.grad is None
    assert torch.equal(layer.bias.grad, torch.full((24,), 81.0))


def test_without_gradients_the_ordinary_convolution_runs():
    layer, images = depthwise(), torch.randn(1, 24, 9, 9)
    with torch.no_grad():
        assert torch.equal(repaired(layer)(images), layer(images))


@pytest.mark.parametrize(
    "changes",
    [{"dilation": 1}, {"stride": 2}, {"padding": 1}, {"groups": 12}, {"padding_mode": "reflect"}, {"padding": "same"}],
    ids=str,
)
def test_other_convolutions_are_left_alone(changes):
    assert suits(depthwise())
    assert not suits(depthwise(**changes))


def test_a_network_keeps_its_tensors_and_its_folded_batchnorm():
    torch.manual_seed(0)
    plain = MobileNetV2(8, width=0.25)
    plain.eval()
    freeze_batchnorm_parameters(plain)
    fold_frozen_batchnorm(plain)
    network = repaired(plain)
    assert list(network.state_dict()) == list(plain.state_dict())
    assert sum(isinstance(layer, GradientsOnGrids) for layer in network.modules()) == 10
    images = torch.randn(2, 3, 64, 64)
    outputs = []
    for one in (plain, network):
        output = one(images)
        output.square().mean().backward()
        outputs.append([output, *(p.grad for p in one.parameters() if p.requires_grad)])
    for own, other in zip(*outputs, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-6)
