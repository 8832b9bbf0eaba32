"""Settings of the dense CRF and the sets of constants the field uses (deeplab-pytorch, L2G, EPS, IRN, SEC)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from common.errors import ConfigError


@dataclass(frozen=True)
class CrfSettings:
    """Constants of a fully connected CRF with one position kernel and one position-and-colour kernel.

    Standard deviations are in pixels (``sxy``) and grey levels 0..255 (``srgb``). ``compat`` is the weight of a kernel;
    a larger one smooths more. Zero iterations give the softmax of the negative unary energy.
    """

    gaussian_sxy: float
    gaussian_compat: float
    bilateral_sxy: float
    bilateral_srgb: float
    bilateral_compat: float
    iterations: int = 10

    def __post_init__(self) -> None:
        widths = (self.gaussian_sxy, self.bilateral_sxy, self.bilateral_srgb)
        weights = (self.gaussian_compat, self.bilateral_compat)
        if not all(math.isfinite(value) and value > 0 for value in widths):
            raise ConfigError(f"CRF standard deviations must be positive numbers: {self}.")
        if not all(math.isfinite(value) and value >= 0 for value in weights) or self.iterations < 0:
            raise ConfigError(f"CRF compatibilities and iterations must not be negative: {self}.")

    def scaled(self, factor: float) -> CrfSettings:
        """The settings for an image reduced by ``factor``: both ``sxy`` divided by it, colour and weights unchanged."""
        if not math.isfinite(factor) or factor <= 0:
            raise ConfigError(f"CRF scale factor is {factor}; give a positive number (SEC uses 12 on 41x41 images).")
        return replace(self, gaussian_sxy=self.gaussian_sxy / factor, bilateral_sxy=self.bilateral_sxy / factor)


PRESETS: Mapping[str, CrfSettings] = MappingProxyType(
    {
        # DeepLab-v2 with ResNet-101: probabilities of the segmentation network.
        "deeplab": CrfSettings(1, 3, 67, 3, 4),
        # L2G with DeepLab-LargeFOV (v1).
        "deeplab_largefov": CrfSettings(3, 3, 121, 5, 4),
        # L2G with DeepLab-v2 on VGG16.
        "deeplab_vgg": CrfSettings(2, 2, 65, 3, 4),
        # Class activation maps as probabilities, with a background from power(): AffinityNet, EPS, DRS, SMAF.
        "cam": CrfSettings(3, 3, 80, 13, 10),
        # Hard labels with gt_prob 0.7: IRN, CDA, AdvCAM, SMAF's pseudo masks.
        "label": CrfSettings(3, 3, 50, 5, 10),
        # SEC, DSRG, SGAN: energies are negated values; scaled(12) inside training.
        "sec": CrfSettings(3, 3, 80, 13, 10),
    }
)


def crf_preset(name: str) -> CrfSettings:
    """The preset of a name; raises :class:`ConfigError` with the known names."""
    if name not in PRESETS:
        raise ConfigError(f"CRF preset {name!r} is unknown; use one of {', '.join(PRESETS)}.")
    return PRESETS[name]
