"""Multi-label classifier whose class activation maps are its own last feature maps."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from common.errors import ConfigError
from common.models.base import Backbone


class CamClassifier(nn.Module):
    """Backbone, 1x1 convolution without bias to one map per class, global average pool.

    Averaging is linear, so the maps before it are the class activation maps of Zhou et al. ("Learning deep features
    for discriminative localization") without a second pass.

    Args:
        backbone: feature extractor.
        n_classes: number of classes without background.

    Raises:
        ConfigError: fewer than one class.
    """

    def __init__(self, backbone: Backbone, n_classes: int) -> None:
        super().__init__()
        if n_classes < 1:
            raise ConfigError(f"a classifier for {n_classes} classes cannot be built; check the class names.")
        self.backbone = backbone
        self.head = nn.Conv2d(backbone.out_channels, n_classes, 1, bias=False)
        nn.init.normal_(self.head.weight, std=0.01)

    def class_maps(self, images: Tensor) -> Tensor:
        """Images ``[N, 3, H, W]`` to raw class maps ``[N, n_classes, h, w]``: any sign, before ReLU and scaling."""
        return cast(Tensor, self.head(self.backbone(images)))

    def forward(self, images: Tensor) -> Tensor:
        """Images ``[N, 3, H, W]`` to logits ``[N, n_classes]`` (before the sigmoid)."""
        return self.class_maps(images).mean(dim=(2, 3))
