import pytest
import torch
from torch import nn

from common.models.classifier import CamClassifier
from common.models.resnet import ResNet
from common.models.winograd import MIN_TILES, WinogradConv2d, suits, use_winograd


def convolution(channels=128, out_channels=128, dilation=1, bias=True, **options):
    torch.manual_seed(0)
    options = {"kernel_size": 3, "padding": dilation, "dilation": dilation} | options
    return nn.Conv2d(channels, out_channels, bias=bias, **options)


@pytest.mark.parametrize("dilation", [1, 2, 4])
@pytest.mark.parametrize("size", [(16, 20), (17, 23), (14, 31)], ids=str)
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
    images = torch.rand(1, 512, 16, 16, dtype=torch.float64)
    with torch.inference_mode():
        result = WinogradConv2d(conv.float())(images.float())
        expected = conv.double()(images)
    assert (result - expected).abs().max() < 1e-5 * expected.abs().max()


def test_a_small_input_takes_the_direct_way():
    conv = convolution()
    with torch.inference_mode():
        few, enough = torch.randn(1, 128, 9, 12), torch.randn(MIN_TILES, 128, 3, 4)
        assert torch.equal(WinogradConv2d(conv)(few), conv(few))
        assert not torch.equal(WinogradConv2d(conv)(enough), conv(enough))


@pytest.mark.parametrize(
    "changes",
    [
        {"stride": 2},
        {"kernel_size": 1, "padding": 0},
        {"padding": 0},
        {"groups": 2},
        {"padding_mode": "reflect"},
        {"channels": 64},
        {"out_channels": 64},
        {"dilation": (1, 2), "padding": (1, 2)},
    ],
    ids=str,
)
def test_convolutions_it_cannot_compute_or_does_not_speed_up_are_left_alone(changes):
    assert suits(convolution())
    assert not suits(convolution(**changes))


def test_the_copy_has_the_same_output_and_the_model_keeps_its_layers():
    network = CamClassifier(ResNet(18, 8, 0.5), 3).eval()
    fast = use_winograd(network)
    replaced = [name for name, layer in fast.named_modules() if isinstance(layer, WinogradConv2d)]
    assert "backbone.layer4.1.conv2" in replaced and "backbone.layer3.0.conv1" not in replaced
    assert not any(isinstance(layer, WinogradConv2d) for layer in network.modules())
    images = torch.randn(2, 3, 90, 75)
    with torch.inference_mode():
        expected = network.class_maps(images)
        result = fast.class_maps(images)
    assert not torch.equal(result, expected)
    torch.testing.assert_close(result, expected, rtol=1e-3, atol=1e-4)
