"""The two networks of L2G: backbone, pixel correlation, classifier (l2g_cda spec, section 2.2), and their published files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

from common.models.resnet38 import Taps
from common.models.weights import load_weights, read_state_dict
from l2g_cda.backbones import L2GBackbone, L2GResNet38, StagedBackbone, build_l2g_backbone

EXCHANGE_EPSILON = 1e-5
# Channels of the correlation's three inputs and of its output, as published at every width.
CORRELATION = (3, 64, 128, 192)
HEAD_LAYERS = ("fc8.", "f8_3.", "f8_4.", "f9.")
BACKBONE = "backbone."
# What DataParallel puts before every name of a published file.
WRAPPED = "module."


class ScoreMaps(NamedTuple):
    """Attributes: maps: N x (K + 1) x h x w, background last, any sign; logits: N x K, spatial means without background."""

    maps: Tensor
    logits: Tensor


class L2GNetwork(nn.Module):
    """Score maps whose pixels have exchanged their features along a learnt affinity, as in SEAM's PCM.

    Wang et al., "Self-supervised equivariant attention mechanism" (CVPR 2020) describe the correlation.
    """

    def __init__(self, backbone: L2GResNet38 | StagedBackbone, n_classes: int) -> None:
        super().__init__()
        self.backbone, self.n_classes = backbone, n_classes
        low, middle, high = backbone.tap_channels
        colours, from_low, from_middle, correlated = CORRELATION
        self.fc8 = nn.Conv2d(high, n_classes + 1, 1, bias=False)
        self.f8_3 = nn.Conv2d(low, from_low, 1, bias=False)
        self.f8_4 = nn.Conv2d(middle, from_middle, 1, bias=False)
        self.f9 = nn.Conv2d(colours + from_low + from_middle, correlated, 1, bias=False)
        nn.init.xavier_uniform_(self.fc8.weight)
        nn.init.kaiming_normal_(self.f8_3.weight)
        nn.init.kaiming_normal_(self.f8_4.weight)
        nn.init.xavier_uniform_(self.f9.weight, gain=4)

    @property
    def head(self) -> list[nn.Conv2d]:
        """The layers that learn at ten times the rate."""
        return [self.fc8, self.f8_3, self.f8_4, self.f9]

    def affinity(self, images: Tensor, taps: Taps) -> Tensor:
        """How alike two pixels of images N x 3 x H x W are: N x hw x hw in 0..1. No gradient reaches the backbone."""
        size = taps.conv6.shape[2:]
        parts = [images, self.f8_3(taps.conv4.detach()), self.f8_4(taps.conv5.detach())]
        features = self.f9(torch.cat([resized(part, size) for part in parts], 1)).flatten(2)
        features = features / (features.norm(dim=1, keepdim=True) + EXCHANGE_EPSILON)
        return relu(torch.matmul(features.transpose(1, 2), features), inplace=True)

    def forward(self, images: Tensor) -> ScoreMaps:
        """Scores, of any sign, of images N x 3 x H x W, normalised RGB."""
        taps = self.backbone.taps(images)
        maps = self.fc8(taps.conv6)
        # The classifier is linear in every pixel, so that it may precede the exchange: K + 1 channels instead of 4096.
        maps = maps + exchange(maps, self.affinity(images, taps))
        return ScoreMaps(maps, maps[:, : self.n_classes].mean(dim=(2, 3)))

    def class_maps(self, images: Tensor) -> Tensor:
        """The score maps without the background's, N x K x h x w, any sign, of images N x 3 x H x W, normalised RGB."""
        return cast(ScoreMaps, self(images)).maps[:, : self.n_classes]


class ClassProbabilities(nn.Module):
    """The maps that the distillation trains: the softmax of the scores over all classes and the background.

    It leaves a summand common to all scores of a pixel free, so that a class's score alone may be high where the background's
    is higher. As published the maps are the scores.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def class_maps(self, images: Tensor) -> Tensor:
        """Probabilities without the background's, N x K x h x w in 0..1, of images N x 3 x H x W, normalised RGB."""
        return cast(ScoreMaps, self.network(images)).maps.softmax(1)[:, :-1]


class LocalToGlobal(nn.Module):
    """Two networks of one architecture, each with weights of its own.

    The global one sees whole views of an image and is kept after the training; the local one sees patches and teaches it.
    """

    def __init__(self, global_network: L2GNetwork, local_network: L2GNetwork) -> None:
        super().__init__()
        self.global_network, self.local_network = global_network, local_network

    def forward(self, images: Tensor, patches: Tensor) -> tuple[ScoreMaps, ScoreMaps]:
        """Both networks' scores, any sign, of N x 3 x S x S images and of (N P) x 3 x c x c patches, normalised RGB."""
        return self.global_network(images), self.local_network(patches)


def exchange(features: Tensor, affinity: Tensor) -> Tensor:
    """Every pixel's mean of all pixels' features (N x C x h x w), weighted by affinity (N x hw x hw, 0..1) to it."""
    # Divided here, not in the matrix, which is the largest tensor of the network.
    weights = affinity.sum(1, keepdim=True) + EXCHANGE_EPSILON
    return (torch.matmul(features.flatten(2), affinity) / weights).view_as(features)


def resized(features: Tensor, size: torch.Size) -> Tensor:
    """N x C x h x w, any sign, at ``size``, bilinear with corners aligned; features of that size stay as they are."""
    same = features.shape[2:] == size
    return features if same else interpolate(features, size, mode="bilinear", align_corners=True)


def build_l2g(config: L2GBackbone, n_classes: int) -> L2GNetwork:
    """A network with its initial weights; raises as :func:`build_l2g_backbone`."""
    return L2GNetwork(build_l2g_backbone(config), n_classes)


def build_pair(config: L2GBackbone, n_classes: int) -> LocalToGlobal:
    """Both networks with the same initial weights of the backbone; what has none starts at random, each on its own."""
    return LocalToGlobal(build_l2g(config, n_classes), build_l2g(config, n_classes))


def own_name(name: str) -> str:
    """The name in :class:`L2GNetwork` of a published tensor."""
    return name if name.startswith(HEAD_LAYERS) else BACKBONE + name


def published_content(pair: nn.Module, epoch: int, steps: int) -> dict[str, Any]:
    """What ``<dataset>_epoch_<e>.pth`` holds: both networks, without ``backbone.`` in their names (l2g_cda spec, 2.6)."""
    assert isinstance(pair, LocalToGlobal)
    states = {
        part: {WRAPPED + name.removeprefix(BACKBONE): tensor for name, tensor in network.state_dict().items()}
        for part, network in (("state_dict", pair.global_network), ("local_dict", pair.local_network))
    }
    return {"epoch": epoch, "global_counter": steps, **states}


def load_global_network(network: nn.Module, path: Path) -> None:
    """Load the global network of a published checkpoint, or of a bare state dict."""
    load_weights(network, read_state_dict(path, network), source=str(path), rename=own_name)
