"""The networks of deeplab-pytorch and L2G, with their tensor names: a body, then a head (deeplabv2 spec, section 2)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from common.models.base import BATCH_NORMS, Backbone, freeze_batchnorm_statistics
from deeplabv2.networks import caffe_resnet, vgg
from deeplabv2.networks.caffe_resnet import caffe_resnet as resnet_body
from deeplabv2.networks.heads import atrous_pyramid, hidden_atrous_pyramid, large_fov


class DeepLab(nn.Sequential):
    """Named parts, run one after the other: images N x 3 x H x W -> logits N x n_labels x h x w at output stride 8.

    BatchNorm layers are constants: they normalise with their running statistics in training too, and their scale and
    shift do not learn (section 5: they are in no parameter group).
    """

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)
        for layer in self.modules():
            if isinstance(layer, BATCH_NORMS):
                layer.requires_grad_(False)

    def train(self, mode: bool = True) -> DeepLab:
        super().train(mode)
        freeze_batchnorm_statistics(self)
        return self


def deeplabv2_resnet(n_labels: int, n_blocks: Sequence[int], rates: Sequence[int]) -> DeepLab:
    """DeepLab-v2 on the Caffe ResNet."""
    return DeepLab(**resnet_body(n_blocks), aspp=atrous_pyramid(caffe_resnet.OUT_CHANNELS, n_labels, rates))


def deeplabv1_resnet(n_labels: int, n_blocks: Sequence[int]) -> DeepLab:
    """The container of the COCO weights: a 1x1 classifier on the Caffe ResNet."""
    return DeepLab(**resnet_body(n_blocks), fc=nn.Conv2d(caffe_resnet.OUT_CHANNELS, n_labels, 1))


def deeplabv1_resnet_fov(n_labels: int, n_blocks: Sequence[int]) -> DeepLab:
    """L2G's DeepLab-v1: LargeFOV on the Caffe ResNet."""
    return DeepLab(**resnet_body(n_blocks), fov=large_fov(caffe_resnet.OUT_CHANNELS, n_labels))


def deeplabv2_vgg16(n_labels: int, rates: Sequence[int]) -> DeepLab:
    """L2G's DeepLab-v2 on VGG-16."""
    return DeepLab(**vgg.deeplab_vgg16(), aspp=hidden_atrous_pyramid(vgg.OUT_CHANNELS, n_labels, rates))


def deeplabv1_vgg16(n_labels: int) -> DeepLab:
    """L2G's DeepLab-v1 on VGG-16."""
    return DeepLab(**vgg.deeplab_vgg16(), aspp=large_fov(vgg.OUT_CHANNELS, n_labels))


class BodyAndHead(nn.Module):
    """DeepLab-v2 on any body of :mod:`common.models`, so that torchvision's and timm's ImageNet weights fit.

    Images N x 3 x H x W -> logits N x n_labels x h x w at the body's output stride.
    """

    def __init__(self, body: Backbone, n_labels: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.body = body
        self.aspp = atrous_pyramid(body.out_channels, n_labels, rates)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.aspp(self.body(images))
        return logits
