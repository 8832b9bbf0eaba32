"""How the maps of all scales and mirror images become one map per tagged class.

As published the background's map is left out, and each class is divided by its maximum (smaf spec, section 6). Then a class that the
network hardly believes in counts as much as any other, and one constant must separate all of them from the background.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn

from common.cam.files import Cams
from common.cam.inference import CamConfig, CamInference, finite_sum, resize_maps, tagged
from common.data.sampling import Sample
from smaf.network import ScoreNetwork

SMALLEST_SHARE = 1e-8


@dataclass
class FusionConfig(CamConfig):
    """How maps are computed and fused.

    Args:
        normalise: maximum divides the sum of each class by its maximum (published); foreground weighs the classes by their
            probabilities and sets the strongest class of a pixel to one minus the probability of the background.
    """

    scales: list[float] = field(default_factory=lambda: [0.5, 1.0, 1.5, 2.0])
    normalise: Literal["maximum", "foreground"] = "maximum"


class WithBackground(nn.Module):
    """All probabilities of a network as its class maps, the background's last."""

    def __init__(self, network: ScoreNetwork) -> None:
        super().__init__()
        self.network = network

    def class_maps(self, images: Tensor) -> Tensor:
        """N x (C + 1) x h x w in 0..1 of images N x 3 x H x W, normalised RGB."""
        return self.network.probabilities(images)


class ForegroundInference(CamInference):
    """``[sample of PyramidLoader] -> [Cams]`` whose strongest map is one minus the background's probability."""

    def __init__(self, network: nn.Module, config: CamConfig, device: torch.device) -> None:
        super().__init__(WithBackground(cast(ScoreNetwork, network)), config, device)

    def selected(self, maps: Tensor, keys: np.ndarray) -> Tensor:
        """The classes' and the background's of maps (C + 1) x h x w in 0..1."""
        return tagged(maps, np.append(keys, len(maps) - 1))

    def fused(self, sample: Sample, maps: Sequence[Tensor]) -> Any:
        mean = finite_sum([resize_maps(one, sample["size"]) for one in maps]) / len(maps)
        return Cams(sample["keys"], foreground_maps(mean).cpu().numpy())


def foreground_maps(probabilities: Tensor) -> Tensor:
    """Classes in proportion to their probabilities, the strongest with the probability that a pixel is not background.

    Args:
        probabilities: (K + 1) x H x W in 0..1, background last; K may be 0.

    Returns:
        K x H x W in 0..1.
    """
    classes, background = probabilities[:-1], probabilities[-1:]
    if not len(classes):
        return classes
    return classes / classes.amax(0, keepdim=True).clamp_min(SMALLEST_SHARE) * (1 - background)


# How maps are fused -> what computes them. The classes' probabilities, divided by their maximum, are plain CAM's arithmetic.
FUSIONS: Mapping[str, type[CamInference]] = MappingProxyType(
    {"maximum": CamInference, "foreground": ForegroundInference}
)
