"""AffinityNet: edges of an image from a backbone that stays as it is, pairs of pixels, and the training step
(sod_wsss spec, sections 2.4, 3.3 and 6.3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from common.engine.losses import Losses, Mean
from common.errors import ConfigError, DataError
from common.models.base import Backbone

Offset = tuple[int, int]


class AffinityPath(NamedTuple):
    """The way from a pixel to a neighbour.

    Attributes:
        end: (down, right) of the neighbour; down is not negative.
        points: the pixels on the way, both ends included: those less than one pixel from the straight line.
    """

    end: Offset
    points: tuple[Offset, ...]


class PairLabels(NamedTuple):
    """Which pairs have a label: both background, both of one class, or different; uint8 ... x P x M of 0 and 1."""

    background: Tensor
    foreground: Tensor
    different: Tensor


@lru_cache
def affinity_paths(radius: int) -> tuple[AffinityPath, ...]:
    """The ways to all neighbours nearer than ``radius``, by number of points and, within that, row by row."""
    ends = [(0, right) for right in range(1, radius)]
    for down in range(1, radius):
        ends += [(down, right) for right in range(1 - radius, radius) if down**2 + right**2 < radius**2]
    return tuple(sorted((AffinityPath(end, points_to(end)) for end in ends), key=lambda path: len(path.points)))


def points_to(end: Offset) -> tuple[Offset, ...]:
    """The pixels (down, right) within the rectangle of (0, 0) and ``end`` that are less than 1 from the line between them."""
    down, right = end
    columns = range(min(0, right), max(0, right) + 1)
    length_squared = down**2 + right**2
    return tuple((y, x) for y in range(down + 1) for x in columns if (down * x - right * y) ** 2 < length_squared)


def source_size(size: Sequence[int], radius: int) -> tuple[int, int]:
    """(height, width) of the sources in a map of ``size``.

    Raises:
        DataError: the map has none.
    """
    height, width = size[0] - (radius - 1), size[1] - 2 * (radius - 1)
    if height < 1 or width < 1:
        raise DataError(
            f"a map of {size[0]} x {size[1]} has no pixel with all neighbours nearer than {radius}; use larger squares or a "
            "smaller affinity.radius"
        )
    return height, width


def moved(maps: Tensor, offset: Offset, radius: int) -> Tensor:
    """Of maps ... x H x W what lies ``offset`` from every source: ... x M, sources row by row."""
    height, width = source_size(maps.shape[-2:], radius)
    down, left = offset[0], radius - 1 + offset[1]
    return maps[..., down : down + height, left : left + width].flatten(-2)


def affinities(edges: Tensor, radius: int) -> Tensor:
    """1 - the strongest edge on the way, ... x P x M of edges ... x H x W in 0..1; P ways, M sources.

    Raises:
        DataError: the maps are too small to have sources.
    """
    return torch.stack([1 - strongest(edges, path, radius) for path in affinity_paths(radius)], -2)


def strongest(edges: Tensor, path: AffinityPath, radius: int) -> Tensor:
    # The maximum keeps the place alone for the gradient, not the values of the whole way.
    return torch.stack([moved(edges, point, radius) for point in path.points]).max(0).values


def pair_labels(labels: Tensor, radius: int, n_labels: int) -> PairLabels:
    """What is known of the pairs of :func:`affinities` from label maps ... x H x W.

    Args:
        n_labels: labels of the dataset with the background, 0; pairs with another label (255) are not known.

    Raises:
        DataError: the maps are too small to have sources.
    """
    source = moved(labels, (0, 0), radius)[..., None, :]
    ends = torch.stack([moved(labels, path.end, radius) for path in affinity_paths(radius)], -2)
    known, same = (source < n_labels) & (ends < n_labels), source == ends
    found = (known & same & (source == 0), known & same & (source > 0), known & ~same)
    return PairLabels(*(mask.to(torch.uint8) for mask in found))


def neighbour_pairs(size: Sequence[int], radius: int) -> Iterator[tuple[AffinityPath, tuple[slice, slice]]]:
    """Every way, and the rectangle of a map of ``size`` from all of whose pixels it stays in the map; empty ones are left out."""
    height, width = size
    for path in affinity_paths(radius):
        down, right = path.end
        rows, columns = slice(0, height - down), slice(max(0, -right), width - max(0, right))
        if rows.stop > 0 and columns.stop > columns.start:
            yield path, (rows, columns)


EDGE_CHANNELS, EDGE_GROUPS = 32, 4
N_STAGES = 5
# Branches up to this one (0-based) are at the size of the edge map, or finer; the others are enlarged.
SIZE_OF_BRANCH = 1
LOG_EPSILON = 1e-5


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
        if len(backbone.stage_channels) != N_STAGES:
            raise ConfigError(
                f"AffinityNet needs the features of {N_STAGES} stages, which {type(backbone).__name__} does not give; "
                "use a ResNet, a ResNeSt or a MobileNetV2"
            )
        self.backbone = backbone
        backbone.requires_grad_(False)
        self.edge_branches = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, EDGE_CHANNELS, 1, bias=False), nn.GroupNorm(EDGE_GROUPS, EDGE_CHANNELS))
            for channels in backbone.stage_channels
        )
        self.edge_last = nn.Conv2d(N_STAGES * EDGE_CHANNELS, 1, 1)
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
    together, apart = -torch.log(affinity + LOG_EPSILON), -torch.log(1 + LOG_EPSILON - affinity)
    kinds = (("background", together, 0.25), ("foreground", together, 0.25), ("different", apart, 0.5))
    return {
        name: Mean(weight * (mask * loss).sum(), mask.sum() + LOG_EPSILON)
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
