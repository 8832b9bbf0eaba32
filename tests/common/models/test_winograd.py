import copy

import pytest
import torch
from torch import nn

from common.models.classifier import CamClassifier
from common.models.frozen import ScaledConv2d, fold_frozen_batchnorm
from common.models.resnet import ResNet
from common.models.winograd import (
    LearningConvolution,
    ScaledWinogradConv2d,
    TrainedWinogradConv2d,
    WinogradConv2d,
    train_with_winograd,
    use_winograd,
)


def convolution(channels=128, out_channels=128, dilation=1, bias=True):
    torch.manual_seed(0)
    return nn.Conv2d(channels, out_channels, 3, padding=dilation, dilation=dilation, bias=bias)


def learning(conv):
    """A copy that learns by points."""
    conv = nn.Sequential(copy.deepcopy(conv))
    assert train_with_winograd(conv) == 1
    return conv[0]


def by_points(output):
    return type(output.grad_fn).__name__ == f"{LearningConvolution.__name__}Backward"


@pytest.mark.parametrize("dilation", [1, 2, 4])
@pytest.mark.parametrize("size", [(32, 32), (31, 63), (29, 30)], ids=str)
def test_the_output_is_that_of_the_direct_convolution(size, dilation):
    conv = convolution(128, 144, dilation, bias=dilation != 2)
    images = torch.randn(2, 128, *size)
    with torch.inference_mode():
        expected = conv(images)
        result = WinogradConv2d(conv)(images)
        assert not torch.equal(result, expected), "the direct convolution was used"
        torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)
        channels_last = WinogradConv2d(conv)(images.contiguous(memory_format=torch.channels_last))
        torch.testing.assert_close(channels_last, result)


def test_the_sum_of_many_channels_stays_precise():
    conv = convolution(512, 512, 2).double()
    images = torch.rand(1, 512, 32, 32, dtype=torch.float64)
    with torch.inference_mode():
        result = WinogradConv2d(conv.float())(images.float())
        expected = conv.double()(images)
    assert (result - expected).abs().max() < 1e-5 * expected.abs().max()


def test_a_replaced_layer_keeps_its_kernels_whatever_is_computed_in_between():
    conv = convolution()
    images, fast = torch.randn(2, 128, 24, 24), WinogradConv2d(conv)
    with torch.inference_mode():
        before = fast(images)
        assert torch.equal(fast(images), before)
        other = WinogradConv2d(convolution(256, 256))
        other(torch.randn(2, 256, 24, 24))
        assert torch.equal(fast(images), before)


def test_a_small_input_takes_the_direct_way():
    conv = convolution()
    with torch.inference_mode():
        few, enough = torch.randn(1, 128, 8, 8), torch.randn(32, 128, 8, 8)
        assert torch.equal(WinogradConv2d(conv)(few), conv(few))
        assert not torch.equal(WinogradConv2d(conv)(enough), conv(enough))
    assert not by_points(learning(conv)(few.clone()))
    assert by_points(learning(conv)(enough.clone()))


def test_the_copy_has_the_same_output_and_the_model_keeps_its_layers():
    network = CamClassifier(ResNet(18, 8, 0.5), 3).eval()
    fast = use_winograd(network)
    replaced = [name for name, layer in fast.named_modules() if isinstance(layer, WinogradConv2d)]
    assert "backbone.layer4.1.conv2" in replaced and "backbone.layer3.0.conv1" not in replaced
    assert not any(isinstance(layer, WinogradConv2d) for layer in network.modules())
    images = torch.randn(2, 3, 180, 150)
    with torch.inference_mode():
        expected = network.class_maps(images)
        result = fast.class_maps(images)
    assert not torch.equal(result, expected)
    torch.testing.assert_close(result, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dilation", [1, 2, 4])
@pytest.mark.parametrize(
    ("n", "out_channels", "size", "bias"),
    [(1, 128, (32, 40), True), (3, 150, (29, 31), False), (2, 144, (16, 65), True)],
    ids=str,
)
def test_output_and_gradients_are_those_of_the_direct_convolution_in_float64(n, out_channels, size, bias, dilation):
    conv = convolution(130, out_channels, dilation, bias)
    images = torch.randn(n, 130, *size)
    gradient = torch.randn(n, out_channels, *size)
    fast, results = learning(conv), []
    for layer, kind in ((fast, torch.float32), (copy.deepcopy(conv).double(), torch.float64)):
        x = images.to(kind).requires_grad_()
        output = layer(x)
        assert by_points(output) == (kind == torch.float32)
        results.append([output, *torch.autograd.grad(output, [x, *layer.parameters()], gradient.to(kind))])
    for found, exact in zip(*results, strict=True):
        assert (found - exact).abs().max() < 3e-5 * exact.abs().max()


@pytest.mark.parametrize("wanted", [("x",), ("weight",), ("bias",), ("x", "bias"), ("weight", "bias"), ("x", "weight")])
def test_gradients_of_only_some_inputs_are_right(wanted):
    conv, images = learning(convolution()), torch.randn(2, 128, 24, 24)
    tensors = {"x": images, "weight": conv.weight, "bias": conv.bias}
    for name, tensor in tensors.items():
        tensor.requires_grad_(name in wanted)
    output = conv(images)
    assert by_points(output)
    (output * output).sum().backward()
    found = {name: tensor.grad for name, tensor in tensors.items() if tensor.grad is not None}
    assert set(found) == set(wanted)
    direct = nn.functional.conv2d(images, conv.weight, conv.bias, padding=1)
    chosen = [tensors[name] for name in wanted]
    for name, expected in zip(wanted, torch.autograd.grad((direct * direct).sum(), chosen), strict=True):
        assert (found[name] - expected).abs().max() < 1e-4 * expected.abs().max(), name


def test_the_gradient_of_a_sum_and_of_a_slice_is_right():
    conv, images = learning(convolution()), torch.randn(2, 128, 24, 24, requires_grad=True)
    for reduced in (
        lambda y: y.sum(),
        lambda y: y[:, ::3, 1::2].transpose(2, 3).square().mean(),
        lambda y: y[0].mean(),
    ):
        results = []
        for output in (conv(images), nn.functional.conv2d(images, conv.weight, conv.bias, padding=1)):
            results.append(torch.autograd.grad(reduced(output), [images, *conv.parameters()]))
        for found, expected in zip(*results, strict=True):
            assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


def test_a_layer_behind_may_write_into_the_output():
    images, results = torch.randn(2, 128, 24, 24), []
    for conv in (learning(convolution()), convolution()):
        network = nn.Sequential(nn.ReLU(), conv, nn.ReLU(inplace=True), conv)
        output = network(images)
        results.append([output, *torch.autograd.grad(output.square().mean(), conv.parameters())])
    for found, expected in zip(*results, strict=True):
        assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


def test_names_values_and_copies_stay():
    network = ResNet(18, 8, 1.0)
    before = network.state_dict()
    assert train_with_winograd(network) > 5
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    twin = copy.deepcopy(network)
    assert type(twin.layer4[0].conv2) is TrainedWinogradConv2d
    assert type(network.conv1) is nn.Conv2d
    assert train_with_winograd(network) == 0


def test_a_convolution_with_a_frozen_batchnorm_learns_the_same():
    torch.manual_seed(0)
    plain = nn.Sequential(convolution(), nn.BatchNorm2d(128), nn.ReLU(), convolution(bias=False), nn.BatchNorm2d(128))
    for norm in (plain[1], plain[4]):
        for values in (norm.running_mean, norm.bias.data):
            nn.init.normal_(values)
        for values in (norm.running_var, norm.weight.data):
            nn.init.uniform_(values, 0.5, 2)
        norm.eval().requires_grad_(False)
    folded = copy.deepcopy(plain)
    assert fold_frozen_batchnorm(folded) == 2
    fast = copy.deepcopy(folded)
    assert train_with_winograd(fast) == 2
    assert type(fast[0]) is ScaledWinogradConv2d and isinstance(fast[0], ScaledConv2d)
    images, results = torch.randn(2, 128, 24, 24), []
    for network in (plain, folded, fast):
        output = network(images)
        output.square().mean().backward()
        results.append([output, *(one.grad for one in network.parameters() if one.requires_grad)])
    assert by_points(output)
    assert not torch.equal(results[1][0], results[2][0])
    for found, expected in zip(results[2], results[0], strict=True):
        assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


def test_other_precisions_take_the_direct_way():
    conv, images = learning(convolution()), torch.randn(2, 128, 24, 24)
    assert by_points(conv(images))
    with torch.autocast("cpu", torch.bfloat16):
        output = conv(images)
    assert output.dtype == torch.bfloat16
    assert not by_points(output)
    assert not by_points(conv.double()(images.double()))


def test_weights_in_channels_last_layout_get_gradients_in_it():
    conv = learning(convolution()).to(memory_format=torch.channels_last)
    conv(torch.randn(2, 128, 24, 24)).sum().backward()
    assert conv.weight.grad.stride() == conv.weight.stride()


def test_the_points_are_not_kept_for_the_backward_pass():
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        learning(convolution())(torch.randn(2, 128, 24, 24, requires_grad=True))
    assert [tensor.shape[1:] for tensor in kept] == [(128, 24, 24), (128, 3, 3)]


def test_a_compiled_network_takes_the_direct_way():
    conv, images = learning(convolution()), torch.randn(2, 128, 24, 24)
    compiled = torch.compile(conv, backend="eager")
    direct = nn.functional.conv2d(images, conv.weight, conv.bias, padding=1)
    assert torch.equal(compiled(images), direct)
    assert not torch.equal(conv(images), direct)
