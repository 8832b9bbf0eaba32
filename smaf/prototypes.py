"""Prototype rectification: targets weighted by how well a pixel's feature fits the mean feature of the class.

In the published code neither the moving teacher nor the prototypes change the loss (smaf spec, section 3: "live but without effect",
and the rectification itself is dead). Here they do, where the settings ask for it.
"""

from __future__ import annotations

import copy
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from smaf.network import MapScores, ScoreNetwork

TEACHER_MOMENTUM = 0.999
LEAST_PIXELS = 10


class MeanVectors(NamedTuple):
    """Mean features of the classes that cover enough pixels of an image, image by image.

    Attributes:
        classes: int64 [M], channel of each; the background is the last channel.
        vectors: float32 M x D.
    """

    classes: Tensor
    vectors: Tensor


def mean_vectors(features: Tensor, maps: Tensor) -> MeanVectors:
    """The mean feature of every image and class over the pixels where the class is the strongest, if there are ten or more.

    Args:
        features: N x D x h x w, any sign.
        maps: N x K x h x w, any sign.
    """
    classes, vectors = [], []
    for feature, labels in zip(features.flatten(2), maps.argmax(1).flatten(1), strict=True):
        counts = torch.bincount(labels, minlength=maps.shape[1])
        found = torch.nonzero(counts >= LEAST_PIXELS).flatten()
        members = (labels[None] == found[:, None]).to(feature.dtype)
        vectors.append(members @ feature.T / counts[found, None])
        classes.append(found)
    return MeanVectors(torch.cat(classes), torch.cat(vectors))


@torch.no_grad()
def move_prototypes(prototypes: Tensor, means: MeanVectors, momentum: float) -> None:
    """P <- (1 - momentum) P + momentum v for every mean vector, in order; in place. Vectors that sum to 0 are left out.

    Args:
        prototypes: float32 K x D, any sign.
    """
    for number, vector in zip(means.classes.tolist(), means.vectors, strict=True):
        if vector.sum() != 0:
            prototypes[number] = (1 - momentum) * prototypes[number] + momentum * vector


@torch.no_grad()
def move_teacher(teacher: nn.Module, student: nn.Module, momentum: float = TEACHER_MOMENTUM) -> None:
    """Every parameter of the teacher moves towards the student's by 1 - ``momentum``; buffers are copied."""
    for parameter, new in zip(teacher.parameters(), student.parameters(), strict=True):
        parameter.mul_(momentum).add_(new.detach(), alpha=1 - momentum)
    for buffer, current in zip(teacher.buffers(), student.buffers(), strict=True):
        buffer.copy_(current)


def similarities(features: Tensor, prototypes: Tensor) -> Tensor:
    """The positive part of the cosine between features N x D x h x w and prototypes K x D, any sign: N x K x h x w in 0..1."""
    cosine = torch.einsum("ndhw,kd->nkhw", normalize(features, dim=1), normalize(prototypes, dim=1))
    return cosine.relu()


class Teacher(nn.Module):
    """A slow copy of the network and the prototypes of its features; both are part of the training's checkpoints.

    Args:
        momentum: share of a new mean vector in a prototype; the first one of a class is taken whole.
    """

    prototypes: Tensor
    known: Tensor

    def __init__(self, student: ScoreNetwork, momentum: float) -> None:
        super().__init__()
        self.network = copy.deepcopy(student).requires_grad_(False)
        self.momentum = momentum
        self.register_buffer("prototypes", torch.zeros(student.n_classes + 1, student.head.out_features))
        self.register_buffer("known", torch.zeros(student.n_classes + 1, dtype=torch.bool))

    def train(self, mode: bool = True) -> Teacher:
        """Always in eval mode, as the published teacher."""
        return super().train(False)

    @torch.no_grad()
    def weights(self, student: ScoreNetwork, images: Tensor, tags: Tensor, size: torch.Size) -> Tensor:
        """How far the target of each class is to be trusted, N x (C + 1) x h x w in 0..1; a class without prototype has 1.

        Moves the teacher towards the student and the prototypes towards the features of these images. A pixel votes for the
        strongest of its image's classes.

        Args:
            images: N x 3 x S x S, normalised RGB.
            tags: N x C, 0 or 1.
            size: (h, w) of the targets.
        """
        for own, other in ((self.network.backbone, student.backbone), (self.network.head, student.head)):
            move_teacher(own, other)
        scores = cast(MapScores, self.network(images))
        maps, features = (
            interpolate(values.float(), size, mode="bilinear", align_corners=True)
            for values in (scores.maps, scores.features)
        )
        absent = torch.cat([tags == 0, torch.zeros_like(tags[:, :1], dtype=torch.bool)], 1)
        means = mean_vectors(features, maps.masked_fill(absent[:, :, None, None], -torch.inf))
        for number, vector in zip(means.classes.tolist(), means.vectors, strict=True):
            if not self.known[number]:
                self.prototypes[number], self.known[number] = vector, True
        move_prototypes(self.prototypes, means, self.momentum)
        return torch.where(self.known[None, :, None, None], similarities(features, self.prototypes), 1.0)
