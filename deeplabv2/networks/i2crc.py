"""I2CRC's segmentation network: called DeepLabV2_ResNet101_MSC too, but another one (deeplabv2 spec, section 2.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from common.models.resnet import Bottleneck, ResNet
from deeplabv2.networks.heads import add_up, atrous_convolution


class I2CRCNetwork(nn.Module):
    """Torchvision's ResNet-101 at output stride 8 and a sum of atrous convolutions; BatchNorm is trained.

    Images N x 3 x H x W -> logits N x n_labels x h x w.
    """

    def __init__(self, n_labels: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.features = ResNet(101, output_stride=8)
        # Unlike torchvision, the first block of the last layer keeps the dilation of the undilated network.
        first = cast(Bottleneck, self.features.layer4[0]).conv2
        first.dilation = first.padding = (1, 1)
        self.classifier = Classifier(self.features.out_channels, n_labels, rates)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(images))
        return logits


class Classifier(nn.Module):
    """The sum of ``conv2d_list``; unlike the other heads its biases keep PyTorch's random initial values."""

    def __init__(self, in_channels: int, n_labels: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.conv2d_list = nn.ModuleList(atrous_convolution(in_channels, n_labels, rate) for rate in rates)
        for convolution in self.conv2d_list:
            nn.init.normal_(cast(nn.Conv2d, convolution).weight, std=0.01)

    def forward(self, features: Tensor) -> Tensor:
        return add_up([convolution(features) for convolution in self.conv2d_list])
