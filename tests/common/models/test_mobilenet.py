import pytest
import torch
import torchvision

from common.models.mobilenet import MobileNetV2


@pytest.mark.parametrize("width", [0.35, 1.0, 1.4])
def test_output_equals_torchvision_with_the_same_weights(width):
    reference = torchvision.models.mobilenet_v2(weights=None, width_mult=width).features.eval()
    network = MobileNetV2(32, width).eval()
    network.features.load_state_dict(reference.state_dict(), strict=True)
    images = torch.randn(1, 3, 65, 50)
    with torch.inference_mode():
        expected = reference(images)
        torch.testing.assert_close(network(images), expected, rtol=1e-5, atol=1e-5)
    assert network.out_channels == expected.shape[1]


def test_without_the_last_convolution_it_ends_at_320_channels():
    network = MobileNetV2(16, last_convolution=False)
    assert network.out_channels == 320
    assert len(network.features) == 18


def test_tensors_and_residuals_do_not_depend_on_the_output_stride():
    # At width 0.25 the strided third group has as many channels as the one before it, where a naive rule would
    # turn its first block into a residual one once the stride is gone.
    networks = [MobileNetV2(output_stride, 0.25) for output_stride in (4, 32)]
    residuals = [[layer.residual for layer in network.features[1:-1]] for network in networks]
    assert networks[0].features[4].conv[0][0].in_channels == networks[0].features[4].conv[-1].num_features
    assert residuals[0] == residuals[1]
