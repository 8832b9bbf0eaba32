import pytest
import torch

from common.errors import ConfigError
from common.models.classifier import CamClassifier
from common.models.resnet import ResNet
from common.models.vgg import VGG16
from tests.dropping import dropped
from tests.initial_values import assert_normal


def classifier(n_classes: int = 5) -> CamClassifier:
    return CamClassifier(ResNet(18, 8, 0.25), n_classes)


def test_logits_are_the_mean_of_the_class_maps():
    network = classifier().eval()
    images = torch.randn(2, 3, 33, 40)
    maps = network.class_maps(images)
    assert maps.shape == (2, 5, 5, 5)
    assert (maps < 0).any()
    torch.testing.assert_close(network(images), maps.mean((2, 3)))


def test_the_head_starts_small_and_has_no_bias():
    head = classifier(200).head
    assert head.bias is None
    assert head.weight.std().item() == pytest.approx(0.01, rel=0.1)


def test_no_classes_are_an_error():
    with pytest.raises(ConfigError, match="0 classes"):
        classifier(0)


def test_the_head_starts_with_a_deviation_of_a_hundredth_and_nothing_is_dropped():
    torch.manual_seed(0)
    network = CamClassifier(VGG16(16, 0.25), 20)
    assert_normal(network.head.weight, 0.01)
    assert network.head.bias is None
    assert dropped(network.train(), torch.randn(1, 3, 33, 33)) == []
