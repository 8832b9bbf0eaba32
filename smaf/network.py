"""The network of EPS and SMAF: a backbone, a head with a map per class and one for the background, published files.

Three heads (smaf spec, section 2.2): ``cls``, the CAM baseline without a background map; ``plain``, EPS's; ``projection``, SMAF's,
with 128 features before the maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from common.errors import CheckpointError
from common.models.backbones import BackboneConfig, build_backbone
from common.models.base import Backbone, freeze_batchnorm_statistics
from common.models.frozen import freeze_batchnorm_parameters
from common.models.tensor_names import tensors_by_names_of
from common.models.weights import load_weights, read_state_dict

HeadName = Literal["cls", "plain", "projection"]
FEATURES = 128
OF_BACKBONE, OF_HEAD = "backbone.", "head."
TOP_LAYERS = ("fc8.", "cov_feat.", "bn.")
# Kept by the training only: SMAF's file has the prototypes beside the network, and no teacher.
OF_TEACHER = "teacher."


class MapScores(NamedTuple):
    """What a forward pass gives.

    Attributes:
        logits: N x C, one number per class without the background, any sign.
        maps: N x K x h x w, any sign; K = C + 1 with the background last, or C for the head ``cls``.
        features: N x D x h x w, what the maps are a linear function of.
    """

    logits: Tensor
    maps: Tensor
    features: Tensor


class MapHead(nn.Module):
    """Features N x D x h x w to maps N x K x h x w, both of any sign; ``cov_feat`` and ``bn`` only where features are projected."""

    def __init__(self, channels: int, n_maps: int, projects: bool) -> None:
        super().__init__()
        self.projects = projects
        self.conv_bn_pairs = (("cov_feat", "bn"),) if projects else ()
        if projects:
            self.cov_feat = nn.Conv2d(channels, FEATURES, 1, bias=False)
            self.bn = nn.BatchNorm2d(FEATURES)
            nn.init.xavier_uniform_(self.cov_feat.weight)
        self.out_features = FEATURES if projects else channels
        self.fc8 = nn.Conv2d(self.out_features, n_maps, 1, bias=False)
        nn.init.xavier_uniform_(self.fc8.weight)

    def features(self, x: Tensor) -> Tensor:
        """N x D x h x w of the backbone's features N x channels x h x w, both not negative."""
        return relu(self.bn(self.cov_feat(x))) if self.projects else x

    def forward(self, features: Tensor) -> Tensor:
        return cast(Tensor, self.fc8(features))

    def train(self, mode: bool = True) -> MapHead:
        """As ``nn.Module.train``; the BatchNorm keeps its first statistics for ever (smaf spec, section 2.3)."""
        super().train(mode)
        freeze_batchnorm_statistics(self)
        return self


class ScoreNetwork(nn.Module):
    """Class maps and a background map, whose spatial means are the logits of the classes."""

    def __init__(self, backbone: Backbone, n_classes: int, head: HeadName) -> None:
        super().__init__()
        self.backbone, self.n_classes = backbone, n_classes
        self.has_background = head != "cls"
        self.head = MapHead(backbone.out_channels, n_classes + int(self.has_background), head == "projection")
        self.dropout = nn.Dropout2d(0.5) if head == "cls" else nn.Identity()
        freeze_batchnorm_parameters(self.head)
        # Set by a training that rectifies its targets, see smaf/prototypes.py.
        self.teacher: nn.Module | None = None

    def forward(self, images: Tensor) -> MapScores:
        """MapScores of images N x 3 x H x W, normalised RGB."""
        features = self.head.features(self.backbone(images))
        maps = self.head(features)
        if self.has_background:
            return MapScores(maps.mean(dim=(2, 3))[:, :-1], maps, features)
        pooled = self.dropout(features).mean(dim=(2, 3), keepdim=True)
        return MapScores(self.head(pooled).flatten(1), maps, features)

    def class_maps(self, images: Tensor) -> Tensor:
        """Maps of the classes N x C x h x w, not negative, of images N x 3 x H x W, normalised RGB.

        With a background map they are probabilities, the softmax over all maps; without, the positive part.
        """
        if self.has_background:
            return self.probabilities(images)[:, :-1]
        return cast(Tensor, self.head(self.head.features(self.backbone(images))).relu())

    def probabilities(self, images: Tensor) -> Tensor:
        """The softmax over all maps, background last: N x (C + 1) x h x w in 0..1; needs a background map."""
        return cast(Tensor, self.head(self.head.features(self.backbone(images))).float().softmax(1))


def build_network(config: BackboneConfig, n_classes: int, head: HeadName) -> ScoreNetwork:
    """The network with its initial weights; raises as :func:`common.models.backbones.build_backbone`."""
    backbone = build_backbone(config)
    if config.freeze_batchnorm:
        freeze_batchnorm_parameters(backbone)
    return ScoreNetwork(backbone, n_classes, head)


def published_state(network: nn.Module) -> dict[str, Tensor]:
    """Tensors of any shape under the published names: ``conv1a.weight`` ... ``fc8.weight``."""
    state = network.state_dict()
    return {
        name.removeprefix(OF_BACKBONE).removeprefix(OF_HEAD): tensor
        for name, tensor in state.items()
        if not name.startswith(OF_TEACHER)
    }


def smaf_content(network: nn.Module, steps: int, prototypes: Tensor | None) -> dict[str, Any]:
    """What ``checkpoint_cls_finally.pth`` holds (smaf spec, section 1).

    Args:
        prototypes: float (C + 1) x D; None for zeros, as where nothing has used them.
    """
    assert isinstance(network, ScoreNetwork)
    empty = torch.zeros(network.n_classes + 1, network.head.out_features)
    inner = {"model_state": published_state(network), "objective_vectors": empty if prototypes is None else prototypes}
    return {"Net": inner, "iter": steps - 1}


def name_here(name: str) -> str:
    """The name in :class:`ScoreNetwork` of a published tensor; those of this toolbox stay."""
    known = name.startswith((OF_BACKBONE, OF_HEAD, OF_TEACHER))
    return name if known else (OF_HEAD if name.startswith(TOP_LAYERS) else OF_BACKBONE) + name


def load_published_network(network: ScoreNetwork, path: Path, lift: bool = False) -> None:
    """Load a checkpoint of EPS, of SMAF or of this toolbox, strictly.

    Args:
        lift: put EPS's plain head into a network with projection, see :func:`lifted`.

    Raises:
        CheckpointError: the file is missing, damaged or of another network.
    """
    state = tensors_by_names_of(network.state_dict(), read_state_dict(path, network), name_here, str(path))
    if network.head.projects and "head.cov_feat.weight" not in state and "head.fc8.weight" in state:
        if not lift:
            raise CheckpointError(
                f"{path} has EPS's plain head, the network SMAF's with projection; set --lift true to put the one into the "
                "other, or --head plain to do without projection"
            )
        state = lifted(network, state, str(path))
    if not network.head.projects and "head.cov_feat.weight" in state:
        raise CheckpointError(f"{path} has SMAF's head with projection, the network a plain one; set --head projection")
    load_weights(network, state, source=str(path))


def lifted(network: ScoreNetwork, state: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """The tensors of a network with a plain head as those of one with projection that gives the same maps.

    A map w x is relu(w x) - relu(-w x): two of the 128 features for each map. The rest keeps its initial weights and counts zero.

    Args:
        state: tensors of any shape by name.

    Raises:
        CheckpointError: there are more maps than 64.
    """
    plain = state["head.fc8.weight"]
    n_maps = len(plain)
    if 2 * n_maps > FEATURES:
        raise CheckpointError(
            f"{source}: {n_maps} maps need {2 * n_maps} features, the projection has {FEATURES}; use --head plain"
        )
    norm = network.head.bn
    assert norm.running_var is not None and norm.running_mean is not None
    scale = torch.rsqrt(norm.running_var + norm.eps) * norm.weight.detach()
    projection, maps = network.head.cov_feat.weight.detach().clone(), torch.zeros_like(network.head.fc8.weight)
    projection[:n_maps], projection[n_maps : 2 * n_maps] = plain, -plain
    for number in range(n_maps):
        maps[number, number], maps[number, n_maps + number] = 1 / scale[number], -1 / scale[n_maps + number]
    own = {name: tensor for name, tensor in network.state_dict().items() if name.startswith(OF_HEAD + "bn.")}
    return {**state, **own, "head.cov_feat.weight": projection, "head.fc8.weight": maps}
