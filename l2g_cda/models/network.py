"""One network of L2G: body, pixel correlation, classifier (l2g_cda spec, section 2.2)."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

from common.models.resnet38 import Taps
from l2g_cda.models.bodies import BodyConfig, L2GResNet38, StagedBody, build_body

EPSILON = 1e-5
# Channels of the correlation's three inputs and of its output, as published at every width.
COLOURS, LOW, MIDDLE, CORRELATED = 3, 64, 128, 192


class Scores(NamedTuple):
    """Attributes: maps: N x (K + 1) x h x w, background last, any sign; logits: N x K, spatial means without background."""

    maps: Tensor
    logits: Tensor


class L2GNetwork(nn.Module):
    """Score maps whose pixels have exchanged their features along a learnt affinity, as in SEAM's PCM.

    Wang et al., "Self-supervised equivariant attention mechanism" (CVPR 2020) describe the correlation.

    Args:
        body: gives three tapped features.
        n_classes: K, without the background.
    """

    def __init__(self, body: L2GResNet38 | StagedBody, n_classes: int) -> None:
        super().__init__()
        self.body, self.n_classes = body, n_classes
        low, middle, high = body.tap_channels
        self.fc8 = nn.Conv2d(high, n_classes + 1, 1, bias=False)
        self.f8_3 = nn.Conv2d(low, LOW, 1, bias=False)
        self.f8_4 = nn.Conv2d(middle, MIDDLE, 1, bias=False)
        self.f9 = nn.Conv2d(COLOURS + LOW + MIDDLE, CORRELATED, 1, bias=False)
        nn.init.xavier_uniform_(self.fc8.weight)
        nn.init.kaiming_normal_(self.f8_3.weight)
        nn.init.kaiming_normal_(self.f8_4.weight)
        nn.init.xavier_uniform_(self.f9.weight, gain=4)

    @property
    def head(self) -> list[nn.Conv2d]:
        """The layers that learn at ten times the rate."""
        return [self.fc8, self.f8_3, self.f8_4, self.f9]

    def affinity(self, images: Tensor, taps: Taps) -> Tensor:
        """N x hw x hw: how alike two pixels are, 0..1, symmetric. No gradient reaches the body."""
        size = taps.conv6.shape[2:]
        parts = [images, self.f8_3(taps.conv4.detach()), self.f8_4(taps.conv5.detach())]
        features = self.f9(torch.cat([resized(part, size) for part in parts], 1)).flatten(2)
        features = features / (features.norm(dim=1, keepdim=True) + EPSILON)
        return relu(torch.matmul(features.transpose(1, 2), features), inplace=True)

    def forward(self, images: Tensor) -> Scores:
        """Images N x 3 x H x W, normalised RGB."""
        taps = self.body.taps(images)
        maps = self.fc8(taps.conv6)
        # The classifier is linear in every pixel, so that it may precede the exchange: K + 1 channels instead of 4096.
        maps = maps + exchange(maps, self.affinity(images, taps))
        return Scores(maps, maps[:, : self.n_classes].mean(dim=(2, 3)))

    def class_maps(self, images: Tensor) -> Tensor:
        """The score maps without the background's, N x K x h x w."""
        return cast(Scores, self(images)).maps[:, : self.n_classes]

    def plain_maps(self, images: Tensor) -> Tensor:
        """The score maps without the exchange, N x (K + 1) x h x w."""
        return cast(Tensor, self.fc8(self.body(images)))


class ClassProbabilities(nn.Module):
    """The maps that the distillation trains: the softmax of the scores over all classes and the background.

    It leaves a summand common to all scores of a pixel free, so that a class's score alone may be high where the background's
    is higher. As published the maps are the scores.
    """

    def __init__(self, network: L2GNetwork) -> None:
        super().__init__()
        self.network = network

    def class_maps(self, images: Tensor) -> Tensor:
        """Probabilities without the background's, N x K x h x w in 0..1."""
        maps = cast(Scores, self.network(images)).maps
        return maps.softmax(1)[:, : self.network.n_classes]


def exchange(features: Tensor, affinity: Tensor) -> Tensor:
    """Every pixel's mean of the features of all pixels, weighted by their affinity to it.

    Args:
        features: N x C x h x w.
        affinity: N x hw x hw, at least 0.
    """
    # Divided here, not in the matrix, which is the largest tensor of the network.
    weights = affinity.sum(1, keepdim=True) + EPSILON
    return (torch.matmul(features.flatten(2), affinity) / weights).view_as(features)


def resized(features: Tensor, size: torch.Size) -> Tensor:
    """Bilinear with the corners aligned; features of that size stay as they are."""
    if features.shape[2:] == size:
        return features
    return interpolate(features, size, mode="bilinear", align_corners=True)


def build_network(config: BodyConfig, n_classes: int) -> L2GNetwork:
    """A network with its initial weights; raises as :func:`build_body`."""
    return L2GNetwork(build_body(config), n_classes)
