"""The networks that DSRG and SGAN train on seeds: DeepLab-v2 on VGG16 as its Caffe description has it, and on other backbones.

Both take BGR images minus the Caffe mean. Sides of H = 8k + 1 pixels give k + 1 positions, whose centres are the pixels 0, 8, 16,
... (sgan spec, section 2.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.data.transforms import IMAGENET_MEAN, IMAGENET_STD
from common.errors import ConfigError
from common.models.base import Backbone, scaled_channels
from common.models.vgg import STAGE_CHANNELS
from deeplabv2.networks.deeplab import HIDDEN_CHANNELS, atrous_convolution, initialised

OUTPUT_STRIDE = 8
# BGR, grey levels.
CAFFE_MEAN = (104.008, 116.669, 122.675)
# The first three pools have stride 2; the fifth stage is dilated for the stride that the fourth pool lost.
STRIDES = (2, 2, 2, 1, 1)
DILATIONS = (1, 1, 1, 1, 2)
# About the standard deviation of photographs in grey levels (ImageNet's).
GREY_LEVEL_STD = 58.0


class DeepLabVGG16(nn.Module):
    """Images N x 3 x H x W (BGR minus mean) -> logits N x n_labels x h x w; tensors have the published names.

    As in Caffe, pools round up: each of the first three takes n to ceil((n - 1) / 2) + 1 (64 gives 33, 17, 9 positions).

    Args:
        n_labels: labels with background.
        rates: dilations of the parallel branches ``fc6_1``, ``fc6_2``, ...
        width: factor on all hidden channels; 1.0 is the published network.
    """

    def __init__(self, n_labels: int, rates: Sequence[int], width: float = 1.0) -> None:
        super().__init__()
        in_channels = 3
        for stage, stage_channels in enumerate(STAGE_CHANNELS, start=1):
            for number, channels in enumerate(stage_channels, start=1):
                out_channels = scaled_channels(channels, width)
                convolution = atrous_convolution(in_channels, out_channels, DILATIONS[stage - 1])
                self.add_module(f"conv{stage}_{number}", convolution)
                in_channels = out_channels
        hidden = scaled_channels(HIDDEN_CHANNELS, width)
        self.n_branches = len(rates)
        for branch, rate in enumerate(rates, start=1):
            self.add_module(f"fc6_{branch}", atrous_convolution(in_channels, hidden, rate))
            self.add_module(f"fc7_{branch}", nn.Conv2d(hidden, hidden, 1))
            self.add_module(f"fc8_{branch}", nn.Conv2d(hidden, n_labels, 1))
        self.initialise()

    def initialise(self) -> None:
        """He's initialisation of hidden layers, as published for the last ones: N(0, 0.01); biases 0."""
        for name, child in self.named_children():
            layer = initialised(cast(nn.Conv2d, child))
            if not name.startswith("fc8_"):
                nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
        # Images are not divided by their standard deviation: the first layer does it, or the first logits would be so
        # large that their softmax has no gradient.
        with torch.no_grad():
            cast(nn.Conv2d, self.get_submodule("conv1_1")).weight.div_(GREY_LEVEL_STD)

    def features(self, images: Tensor) -> Tensor:
        """Images N x 3 x H x W to N x 512 x h x w, not negative; the average pool counts padding, as Caffe's does."""
        features = images
        for stage, (stage_channels, stride) in enumerate(zip(STAGE_CHANNELS, STRIDES, strict=True), start=1):
            for number in range(1, len(stage_channels) + 1):
                features = functional.relu(self.get_submodule(f"conv{stage}_{number}")(features), inplace=True)
            features = functional.max_pool2d(features, 3, stride, padding=1, ceil_mode=True)
        return functional.avg_pool2d(features, 3, stride=1, padding=1)

    def branch(self, features: Tensor, number: int) -> Tensor:
        """Logits of one branch, N x n_labels x h x w."""
        for name in ("fc6", "fc7"):
            hidden = functional.relu(self.get_submodule(f"{name}_{number}")(features), inplace=True)
            features = functional.dropout(hidden, 0.5, self.training)
        logits: Tensor = self.get_submodule(f"fc8_{number}")(features)
        return logits

    def forward(self, images: Tensor) -> Tensor:
        features = self.features(images)
        logits = self.branch(features, 1)
        for number in range(2, self.n_branches + 1):
            logits = logits + self.branch(features, number)
        return logits


class DSRGNetwork(nn.Module):
    """Images N x 3 x H x W (BGR minus the Caffe mean) -> logits N x n_labels x h x w.

    SGAN reports a ResNet-101 too, whose description its authors took from DSRG and did not publish; backbones of the toolbox
    stand in for it, and small ones make small data quick. A 3x3 convolution per rate (``fc8_1``, ``fc8_2``, ...) on the
    backbone's features; their outputs are summed.

    Args:
        backbone: output stride 8; gets images in its own convention, RGB normalised as ImageNet's weights expect.
    """

    def __init__(self, backbone: Backbone, n_labels: int, rates: Sequence[int]) -> None:
        super().__init__()
        if backbone.output_stride != OUTPUT_STRIDE:
            raise ConfigError(
                f"network.backbone.output_stride is {backbone.output_stride}; seeds have a position per 8 pixels: set 8"
            )
        # Checkpoints call it so.
        self.body = backbone
        self.n_branches = len(rates)
        for branch, rate in enumerate(rates, start=1):
            self.add_module(f"fc8_{branch}", initialised(atrous_convolution(backbone.out_channels, n_labels, rate)))
        std = 255 * torch.tensor(IMAGENET_STD)
        shift = (torch.tensor(CAFFE_MEAN[::-1]) - 255 * torch.tensor(IMAGENET_MEAN)) / std
        self.register_buffer("scale", (1 / std)[:, None, None], persistent=False)
        self.register_buffer("shift", shift[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        normalised = images.flip(1) * cast(Tensor, self.scale) + cast(Tensor, self.shift)
        features = self.body(normalised)
        outputs = [self.get_submodule(f"fc8_{number}")(features) for number in range(1, self.n_branches + 1)]
        return torch.stack(outputs).sum(0)
