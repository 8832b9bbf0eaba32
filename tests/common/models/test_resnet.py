import pytest
import torch
import torchvision

from common.errors import ConfigError
from common.models.resnet import ResNet


def without_classifier(state):
    return {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}


def body_output(reference, images):
    layers = [module for name, module in reference.named_children() if name not in ("avgpool", "fc")]
    return torch.nn.Sequential(*layers)(images)


@pytest.mark.parametrize(
    ("depth", "output_stride", "replaced"),
    [
        (18, 32, None),
        (50, 32, None),
        (50, 16, (False, False, True)),
        (50, 8, (False, True, True)),
        (50, 4, (True,) * 3),
    ],
)
def test_output_equals_torchvision_with_the_same_weights(depth, output_stride, replaced):
    reference = getattr(torchvision.models, f"resnet{depth}")(
        weights=None, replace_stride_with_dilation=replaced
    ).eval()
    network = ResNet(depth, output_stride).eval()
    network.load_state_dict(without_classifier(reference.state_dict()), strict=True)
    images = torch.randn(1, 3, 65, 50)
    with torch.inference_mode():
        expected = body_output(reference, images)
        torch.testing.assert_close(network(images), expected, rtol=1e-5, atol=1e-5)
    assert network.out_channels == expected.shape[1]


@pytest.mark.parametrize("depth", [18, 34, 50, 101])
def test_tensor_names_and_shapes_are_torchvisions(depth):
    with torch.device("meta"):
        reference = getattr(torchvision.models, f"resnet{depth}")(weights=None)
        network = ResNet(depth)
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in without_classifier(reference.state_dict()).items()}


# At width 0.05 rounding gives layer1 and layer2 the same channels.
@pytest.mark.parametrize(("width", "first", "last"), [(0.05, 8, 24), (0.25, 16, 128), (2.0, 128, 1024)])
def test_width_scales_every_channel_and_tensors_do_not_depend_on_the_output_stride(width, first, last):
    with torch.device("meta"):
        networks = [ResNet(18, output_stride, width) for output_stride in (4, 32)]
    shapes = [{name: tensor.shape for name, tensor in network.state_dict().items()} for network in networks]
    assert shapes[0] == shapes[1]
    assert (networks[0].conv1.out_channels, networks[0].out_channels) == (first, last)


def test_an_unknown_depth_is_an_error():
    with pytest.raises(ConfigError, match="ResNet-20"):
        ResNet(20)
