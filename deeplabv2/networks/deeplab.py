"""The networks of deeplab-pytorch, L2G and I2CRC, a backbone and a head, and the pyramid around them (deeplabv2 spec, section 2).

DeepLab-v2 sums parallel atrous convolutions (ASPP; Chen et al., 2016, section 3.2); DeepLab-v1 has one branch with a large
field of view and two hidden layers (LargeFOV); DeepLab-v2 on VGG-16 sums four such branches. Tensor names are the published ones.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from common.models.base import BATCH_NORMS, Backbone, freeze_batchnorm_statistics
from common.models.resnet import Bottleneck, ResNet
from deeplabv2.resize import ResizeConvention, enlarge_maps, resize_by

HIDDEN_CHANNELS = 1024
LARGE_FOV_RATE = 12
VGG_CHANNELS = 512

Head = TypeVar("Head", bound=nn.Module)


class SummedBranches(nn.Module):
    """Parallel branches ``c0``, ``c1``, ... on the same features; their outputs are summed."""

    def __init__(self, branches: Sequence[nn.Module]) -> None:
        super().__init__()
        for number, branch in enumerate(branches):
            self.add_module(f"c{number}", branch)

    def forward(self, features: Tensor) -> Tensor:
        """Features N x C x h x w -> logits N x n_labels x h x w."""
        return add_up([branch(features) for branch in self.children()])


def add_up(outputs: Sequence[Tensor]) -> Tensor:
    """Sum of logits N x n_labels x h x w of one shape, from the first to the last."""
    total = outputs[0]
    for output in outputs[1:]:
        total = total + output
    return total


def atrous_convolution(in_channels: int, out_channels: int, rate: int) -> nn.Conv2d:
    """3x3 convolution with bias that keeps the size."""
    return nn.Conv2d(in_channels, out_channels, 3, padding=rate, dilation=rate)


def atrous_pyramid(in_channels: int, n_labels: int, rates: Sequence[int]) -> SummedBranches:
    """ASPP-L without hidden layers: one 3x3 convolution per rate."""
    return initialised(SummedBranches([atrous_convolution(in_channels, n_labels, rate) for rate in rates]))


def hidden_atrous_pyramid(in_channels: int, n_labels: int, rates: Sequence[int]) -> SummedBranches:
    """ASPP of the VGG-16 network: per rate a branch with two hidden layers."""
    branches = [nn.Sequential(*hidden_branch(in_channels, n_labels, rate, nn.Dropout)) for rate in rates]
    return initialised(SummedBranches(branches))


class SeparablePyramid(nn.Module):
    """ASPP for small networks: a 1x1 branch and a separable atrous one per rate, each normalised, joined by a 1x1 convolution.

    N x C x h x w -> logits N x n_labels x h x w. What separates classes is not linear in the features of a light backbone, and plain 3x3
    branches with hidden layers would cost more than the backbone.
    """

    def __init__(self, in_channels: int, n_labels: int, rates: Sequence[int], hidden: int) -> None:
        super().__init__()
        branches = [normalised_1x1(in_channels, hidden)]
        for rate in rates:
            each = nn.Conv2d(in_channels, in_channels, 3, padding=rate, dilation=rate, groups=in_channels, bias=False)
            branches.append(nn.Sequential(each, *normalised_1x1(in_channels, hidden)))
        self.branches = nn.ModuleList(branches)
        self.classifier = nn.Conv2d(hidden * len(branches), n_labels, 1)

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.classifier(torch.cat([branch(features) for branch in self.branches], 1))
        return logits


def normalised_1x1(in_channels: int, out_channels: int) -> nn.Sequential:
    convolution = nn.Conv2d(in_channels, out_channels, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))


def large_fov(in_channels: int, n_labels: int) -> nn.Sequential:
    """LargeFOV: one branch of rate 12; dropout takes whole channels."""
    names = ("conv6", "relu6", "drop6", "conv7", "relu7", "drop7", "conv8")
    layers = hidden_branch(in_channels, n_labels, LARGE_FOV_RATE, nn.Dropout2d)
    return initialised(nn.Sequential(OrderedDict(zip(names, layers, strict=True))))


def hidden_branch(
    in_channels: int, n_labels: int, rate: int, dropout: type[nn.Dropout] | type[nn.Dropout2d]
) -> list[nn.Module]:
    """Atrous 3x3, 1x1, 1x1 with ReLU and dropout 0.5 between them."""
    hidden = HIDDEN_CHANNELS
    layers: list[nn.Module] = [atrous_convolution(in_channels, hidden, rate), nn.ReLU(inplace=True), dropout(0.5)]
    layers += [nn.Conv2d(hidden, hidden, 1), nn.ReLU(inplace=True), dropout(0.5)]
    return [*layers, nn.Conv2d(hidden, n_labels, 1)]


def initialised(head: Head) -> Head:
    """Convolution weights N(0, 0.01), biases 0 (Caffe's initial values of a new head)."""
    for layer in head.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=0.01)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return head


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


class BackboneAndHead(nn.Module):
    """DeepLab-v2 on any backbone of :mod:`common.models`, so that torchvision's and timm's ImageNet weights fit.

    Images N x 3 x H x W -> logits N x n_labels x h x w at the backbone's output stride.

    Args:
        hidden: channels of the branches of a :class:`SeparablePyramid`; 0 for DeepLab-v2's own head.
    """

    def __init__(self, backbone: Backbone, n_labels: int, rates: Sequence[int], hidden: int = 0) -> None:
        super().__init__()
        # Checkpoints call it so.
        self.body = backbone
        self.aspp = (
            SeparablePyramid(backbone.out_channels, n_labels, rates, hidden)
            if hidden
            else atrous_pyramid(backbone.out_channels, n_labels, rates)
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.aspp(self.body(images))
        return logits


def conv_relu(in_channels: int, out_channels: int, dilation: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation)
    return nn.Sequential(convolution, nn.ReLU(inplace=True))


def pool(stride: int) -> nn.MaxPool2d:
    return nn.MaxPool2d(3, stride, padding=1)


def vgg16_layers() -> OrderedDict[str, nn.Module]:
    """L2G's VGG-16 by the names of its two parts, 512 channels at output stride 8 (section 2.3).

    The last three convolutions are dilated, pools are 3x3; indices in the tensor names count the pools too.
    """
    layer1 = [
        *(conv_relu(3, 64), conv_relu(64, 64), pool(2)),
        *(conv_relu(64, 128), conv_relu(128, 128), pool(2)),
        *(conv_relu(128, 256), conv_relu(256, 256), conv_relu(256, 256), pool(2)),
        *(conv_relu(256, 512), conv_relu(512, 512), conv_relu(512, 512), pool(1)),
    ]
    layer2 = [*(conv_relu(512, 512, dilation=2) for _ in range(3)), pool(1)]
    return OrderedDict(layer1=nn.Sequential(*layer1), layer2=nn.Sequential(*layer2))


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
    """N x C x h x w -> logits N x n_labels x h x w, summed; biases, unlike other heads', start as PyTorch's do."""

    def __init__(self, in_channels: int, n_labels: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.conv2d_list = nn.ModuleList(atrous_convolution(in_channels, n_labels, rate) for rate in rates)
        for convolution in self.conv2d_list:
            nn.init.normal_(cast(nn.Conv2d, convolution).weight, std=0.01)

    def forward(self, features: Tensor) -> Tensor:
        return add_up([convolution(features) for convolution in self.conv2d_list])


class MSC(nn.Module):
    """Runs ``base`` at scale 1 and at ``scales``; the answer is the element-wise maximum of all logits.

    In training mode returns ``[scale 1, *scales, maximum]`` (the maximum only if there are other scales), each at its
    own size; in eval mode the maximum, at the size of scale 1.
    """

    def __init__(self, base: nn.Module, scales: Sequence[float], resize: ResizeConvention = "current") -> None:
        super().__init__()
        self.base = base
        self.scales = list(scales)
        self.resize: ResizeConvention = resize

    def forward(self, images: Tensor) -> Tensor | list[Tensor]:
        logits: Tensor = self.base(images)
        pyramid = [self.base(resize_by(images, scale, self.resize)) for scale in self.scales]
        maximum = elementwise_maximum(logits, pyramid)
        if not self.training:
            return maximum
        return [logits, *pyramid, maximum] if pyramid else [logits]


def elementwise_maximum(logits: Tensor, pyramid: Sequence[Tensor]) -> Tensor:
    """Maximum of ``logits`` (N x C x h x w) and of ``pyramid`` enlarged to h x w; where two are equal the first wins."""
    if not pyramid:
        return logits
    enlarged = [enlarge_maps(other, logits.shape[2:]) for other in pyramid]
    return torch.stack([logits, *enlarged]).max(dim=0).values
