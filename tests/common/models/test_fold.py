import pytest
import torch
from torch import nn

from common.models.base import Backbone
from common.models.classifier import CamClassifier
from common.models.fold import fold_batchnorm
from common.models.mobilenet import MobileNetV2
from common.models.resnet import ResNet
from common.models.vgg import VGG16


def randomise_batchnorm(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 1)
            nn.init.normal_(layer.bias, std=0.1)


def batchnorms(network: nn.Module) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]


@pytest.mark.parametrize(
    "backbone", [ResNet(18, 16, 0.25), ResNet(50, 8, 0.125), MobileNetV2(16, 0.25), VGG16(16, 0.125)], ids=type
)
def test_the_folded_copy_has_no_batchnorm_and_the_same_output(backbone: Backbone):
    network = CamClassifier(backbone, 3)
    randomise_batchnorm(network)
    n_batchnorms = len(batchnorms(network))
    network.train()
    folded = fold_batchnorm(network)
    assert len(batchnorms(folded)) == 0
    assert len(batchnorms(network)) == n_batchnorms and network.training and not folded.training
    images = torch.randn(2, 3, 50, 41)
    with torch.inference_mode():
        torch.testing.assert_close(folded(images), network.eval()(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("epsilon", [1e-5, 1e-3, 1e-2])
@pytest.mark.parametrize("bias", [True, False])
def test_variances_smaller_than_what_is_added_to_them_fold_as_they_normalise(epsilon, bias):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, bias=bias), nn.BatchNorm2d(8, eps=epsilon)).eval()
    randomise_batchnorm(network)
    network[1].running_var.copy_(epsilon * torch.tensor([0, 1e-3, 0.1, 0.5, 1, 2, 10, 1000]))
    images = torch.randn(2, 3, 9, 9)
    with torch.inference_mode():
        wanted = network(images)
        folded = fold_batchnorm(network)
        scale = wanted.abs().amax((0, 2, 3))[None, :, None, None]
        torch.testing.assert_close(folded(images) / scale, wanted / scale, rtol=0, atol=1e-5)
    assert isinstance(folded[1], nn.Identity)


def test_a_batchnorm_that_does_not_follow_a_convolution_stays():
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4))
    randomise_batchnorm(network)
    images = torch.randn(2, 3, 4, 4)
    assert len(batchnorms(fold_batchnorm(network))) == 2
    torch.testing.assert_close(fold_batchnorm(network)(images), network.eval()(images))
