import pytest
import torch
import torchvision
from torch import nn

from common.models.vgg import VGG16


@pytest.fixture(scope="module")
def reference() -> nn.Module:
    # Only the convolutions: the classifier's 120 million parameters are never built.
    return torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"]).eval()


def test_output_equals_torchvision_with_the_same_weights(reference):
    network = VGG16(32).eval()
    network.features.load_state_dict(reference.state_dict(), strict=True)
    images = torch.randn(1, 3, 64, 32)
    with torch.inference_mode():
        torch.testing.assert_close(network(images), reference(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("output_stride", [4, 8, 16])
def test_tensor_names_are_torchvisions_at_every_output_stride(reference, output_stride):
    with torch.device("meta"):
        network = VGG16(output_stride)
    shapes = {name: tensor.shape for name, tensor in network.features.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in reference.state_dict().items()}


def test_output_stride_8_is_deeplabs_vgg():
    pools = [layer for layer in VGG16(8, 0.125).features if isinstance(layer, nn.MaxPool2d)]
    convolutions = [layer for layer in VGG16(8, 0.125).features if isinstance(layer, nn.Conv2d)]
    assert [(pool.kernel_size, pool.stride) for pool in pools] == [(2, 2)] * 3 + [(3, 1)] * 2
    assert [convolution.dilation[0] for convolution in convolutions] == [1] * 10 + [2] * 3


def test_width_scales_every_channel():
    channels = [layer.out_channels for layer in VGG16(16, 0.25).features if isinstance(layer, nn.Conv2d)]
    assert channels == [16, 16, 32, 32] + [64] * 3 + [128] * 6
    assert VGG16(16, 0.25).out_channels == 128
