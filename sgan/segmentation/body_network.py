"""DeepLab-v2 on another body (a ResNet, MobileNetV2), for the same data, losses and test.

SGAN reports a ResNet-101 too, whose description its authors took from DSRG and did not publish; bodies of the toolbox stand
in for it, and small ones make the toy set and real images with few classes quick.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from common.data.transforms import IMAGENET_MEAN, IMAGENET_STD
from common.errors import ConfigError
from common.models.base import Backbone
from sgan.segmentation.network import OUTPUT_STRIDE, atrous, initialise_head, require_rates
from sgan.segmentation.pixels import TRAINING_MEAN


class DeepLabBody(nn.Module):
    """Images N x 3 x H x W (BGR minus the Caffe mean) -> logits N x n_labels x h x w; H = 8k + 1 gives k + 1 cells.

    A 3x3 convolution per rate (``fc8_1``, ``fc8_2``, ...) on the body's features; their outputs are summed.

    Args:
        body: output stride 8; gets images in its own convention, RGB normalised as ImageNet's weights expect.

    Raises:
        ConfigError: another output stride, or no branch.
    """

    def __init__(self, body: Backbone, n_labels: int, rates: Sequence[int]) -> None:
        super().__init__()
        if body.output_stride != OUTPUT_STRIDE:
            raise ConfigError(
                f"network.backbone.output_stride is {body.output_stride}; seeds have a cell per 8 pixels: set 8"
            )
        require_rates(rates)
        self.body = body
        self.n_branches = len(rates)
        for branch, rate in enumerate(rates, start=1):
            self.add_module(f"fc8_{branch}", initialise_head(atrous(body.out_channels, n_labels, rate)))
        std = 255 * torch.tensor(IMAGENET_STD)
        shift = (torch.tensor(TRAINING_MEAN[::-1]) - 255 * torch.tensor(IMAGENET_MEAN)) / std
        self.register_buffer("scale", (1 / std)[:, None, None], persistent=False)
        self.register_buffer("shift", shift[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        normalised = images.flip(1) * cast(Tensor, self.scale) + cast(Tensor, self.shift)
        features = self.body(normalised)
        outputs = [self.get_submodule(f"fc8_{number}")(features) for number in range(1, self.n_branches + 1)]
        return torch.stack(outputs).sum(0)
