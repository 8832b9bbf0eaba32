"""AffinityNet: edges of an image from a backbone that stays as it is, and the training step (sod_wsss spec, sections 2.4 and 3.3)."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from common.engine.losses import Losses, Mean
from common.errors import ConfigError
from common.models.base import Backbone
from sod_wsss.affinity_paths import PairLabels, affinities, pair_labels

BRANCH_CHANNELS, NORM_GROUPS = 32, 4
STAGES = 5
# Branches up to this one (0-based) are at the size of the edge map, or finer; the others are enlarged.
SIZE_OF_BRANCH = 1
EPSILON = 1e-5


class AffinityNet(nn.Module):
    """Normalised images N x 3 x H x W to edge logits N x 1 x h x w, h = ceil(H / 4).

    A branch (1x1 convolution to 32 channels, normalisation of 4 groups, ReLU) looks at the features of each of the backbone's five
    stages; those of later stages are enlarged to the size of the second. The backbone stays in eval mode and does not learn.

    Args:
        backbone: with ``stage_outputs`` of five stages, of which the second has stride 4.

    Raises:
        ConfigError: the backbone has no such stages.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        if len(backbone.stage_channels) != STAGES:
            raise ConfigError(
                f"AffinityNet needs the features of {STAGES} stages, which {type(backbone).__name__} does not give; "
                "use a ResNet, a ResNeSt or a MobileNetV2"
            )
        self.backbone = backbone
        backbone.requires_grad_(False)
        self.edge_branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, BRANCH_CHANNELS, 1, bias=False), nn.GroupNorm(NORM_GROUPS, BRANCH_CHANNELS)
            )
            for channels in backbone.stage_channels
        )
        self.edge_last = nn.Conv2d(STAGES * BRANCH_CHANNELS, 1, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d) and layer.weight.requires_grad:
                nn.init.kaiming_normal_(layer.weight)

    def train(self, mode: bool = True) -> AffinityNet:
        """As ``nn.Module.train``, except that the backbone stays in eval mode."""
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            features = self.backbone.stage_outputs(images)
        branches = [branch(stage) for branch, stage in zip(self.edge_branches, features, strict=True)]
        size = branches[SIZE_OF_BRANCH].shape[2:]
        return cast(Tensor, self.edge_last(torch.cat([resized_to(one, size).relu() for one in branches], 1)))


def resized_to(features: Tensor, size: torch.Size) -> Tensor:
    """N x C x h x w, any sign, at ``size``: enlarged by a power of two (bilinear) and cut, or averaged where it is larger."""
    height, width = features.shape[2:]
    if (height, width) == tuple(size):
        return features
    if height > size[0] or width > size[1]:
        return adaptive_avg_pool2d(features, (size[0], size[1]))
    factor = 2
    while factor * height < size[0] or factor * width < size[1]:
        factor *= 2
    enlarged = interpolate(features, scale_factor=float(factor), mode="bilinear", align_corners=False)
    return enlarged[:, :, : size[0], : size[1]]


def affinity_losses(affinity: Tensor, labels: PairLabels) -> dict[str, Mean]:
    """The mean losses of the pairs of background, of those of one class, and of different labels; weighted, their sum is the loss.

    Args:
        affinity: N x P x M in 0..1.
        labels: each N x P x M.
    """
    together, apart = -torch.log(affinity + EPSILON), -torch.log(1 + EPSILON - affinity)
    kinds = (("background", together, 0.25), ("foreground", together, 0.25), ("different", apart, 0.5))
    return {
        name: Mean(weight * (mask * loss).sum(), mask.sum() + EPSILON)
        for (name, loss, weight), mask in zip(kinds, labels, strict=True)
    }


class AffinityStep:
    """``(network, batch) -> losses``: whether the pixels of a pair belong together.

    The batch holds ``image`` (N x 3 x S x S) and ``mask`` (N x S/4 x S/4: confident labels, 255 elsewhere).

    Args:
        radius: pairs are nearer than this, in pixels of the edge map.
        n_labels: labels of the dataset with the background.
    """

    def __init__(self, radius: int, n_labels: int) -> None:
        self.radius, self.n_labels = radius, n_labels

    def __call__(self, network: nn.Module, batch: dict[str, Any]) -> Losses:
        logits = network(batch["image"])
        # In single precision: half of it cannot hold 1 + 1e-5.
        with torch.autocast(logits.device.type, enabled=False):
            edges = torch.sigmoid(logits.float())[:, 0]
            labels = pair_labels(batch["mask"], self.radius, self.n_labels)
            return affinity_losses(affinities(edges, self.radius), labels)
