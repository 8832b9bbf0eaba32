import pytest

from common.models.weights import recognise_network


@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("base.layer2.block1.reduce.conv.weight", "Caffe-style"),
        ("module.layer3.6.conv3.weight", "ResNet-101"),
        ("layer1.0.conv3.weight", "ResNet-50"),
        ("features.17.conv.2.weight", "MobileNetV2"),
        ("features.28.weight", "VGG-16"),
        ("backbone.conv1_1.weight", "Caffe's names"),
        ("b2.conv_branch2a.weight", "ResNet-38"),
        ("patch_embed.proj.weight", "transformer"),
    ],
)
def test_published_networks_are_recognised_by_their_tensor_names(name, network):
    assert network in recognise_network(["other.weight", name])


def test_an_unknown_network_is_not_guessed():
    assert recognise_network(["encoder.0.weight"]) is None
