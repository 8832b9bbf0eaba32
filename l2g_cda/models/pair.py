"""The global network, which sees whole views, and the local one, which sees patches of them and teaches it."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from l2g_cda.models.bodies import BodyConfig
from l2g_cda.models.network import L2GNetwork, Scores, build_network


class PairScores(NamedTuple):
    """What both networks say of a batch."""

    whole: Scores
    local: Scores


class LocalToGlobal(nn.Module):
    """Two networks of one architecture, each with weights of its own.

    Args:
        whole: the network that is kept after the training.
        local: its teacher.
    """

    def __init__(self, whole: L2GNetwork, local: L2GNetwork) -> None:
        super().__init__()
        self.whole, self.local = whole, local

    def forward(self, images: Tensor, patches: Tensor) -> PairScores:
        """Args: images: N x 3 x S x S; patches: (N P) x 3 x c x c, those of all images in one batch."""
        return PairScores(self.whole(images), self.local(patches))


def build_pair(config: BodyConfig, n_classes: int) -> LocalToGlobal:
    """Both networks with the same initial weights of the body; what has none starts at random, each on its own."""
    return LocalToGlobal(build_network(config, n_classes), build_network(config, n_classes))
