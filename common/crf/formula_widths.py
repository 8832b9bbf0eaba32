"""The lattice with a colour kernel as wide as the formula says.

The permutohedral lattice blurs along its axes in whole steps, which widens its kernel by a few per cent more than asked for: "80 / 13" of a
published recipe is in truth about 86 / 13.7. How much depends on the constants and on the image. It is measured on the image, from what the
lattice makes of single pixels, and the widths are divided by it. Published numbers were made without.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from common.crf.exact_engine import pixel_places, squares_of
from common.crf.features import colour_layout
from common.crf.permutohedral import build_lattice
from common.crf.presets import CrfSettings
from common.crf.tensor_engine import colours

# Pixels whose kernels are looked at, and of how many pixels each of them. The widening is known to a percent then.
PROBES, SEEN = 96, 1 << 15
REFINEMENTS = 20


@torch.no_grad()
def narrowed(image: Tensor, settings: CrfSettings) -> CrfSettings:
    """Settings with which the lattice of an image, uint8 [H, W, 3], has a colour kernel of the widths that ``settings`` ask for."""
    position, colour = widening(image, settings)
    return replace(
        settings,
        bilateral_sxy=settings.bilateral_sxy / position,
        bilateral_srgb=settings.bilateral_srgb / colour,
    )


def widening(image: Tensor, settings: CrfSettings) -> tuple[float, float]:
    """By how much the lattice's colour kernel is too wide, in position and in colour: the factors of the widths that give the kernel of
    the formula the second moments of the lattice's.
    """
    size = (image.shape[0], image.shape[1])
    n_pixels = size[0] * size[1]
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(n_pixels, generator=generator).to(image.device)
    probes, seen = order[:PROBES], order[:SEEN]
    squares = [
        squares_of(points[seen])[0] @ squares_of(points[probes])[1] / width**2
        for points, width in (
            (pixel_places(image), settings.bilateral_sxy),
            (image.reshape(-1, 3).float(), settings.bilateral_srgb),
        )
    ]
    kernel = lattice_kernel(image, settings, probes)[seen]
    wanted = [mean_of(kernel, square) for square in squares]
    factors = [1.0, 1.0]
    for _ in range(REFINEMENTS):
        distances = torch.stack([square / factor**2 for square, factor in zip(squares, factors, strict=True)]).sum(0)
        weights = (-0.5 * distances).exp()
        reached = [mean_of(weights, square) for square in squares]
        # An image of one colour says nothing of the colours' width.
        factors = [
            factor * (want / have) ** 0.5 if want > 0 and have > 0 else factor
            for factor, want, have in zip(factors, wanted, reached, strict=True)
        ]
    return factors[0], factors[1]


def mean_of(weights: Tensor, values: Tensor) -> float:
    """Weighted mean of tensors of one shape."""
    return float((weights.double() * values).sum() / weights.double().sum())


def lattice_kernel(image: Tensor, settings: CrfSettings, probes: Tensor) -> Tensor:
    """What the lattice spreads of single pixels, float32 [N, probes], not normalised."""
    size = (image.shape[0], image.shape[1])
    n_pixels = size[0] * size[1]
    (features,) = colours(image[None], settings)
    number = torch.zeros(len(features), dtype=torch.long, device=image.device)
    lattice = build_lattice(features, colour_layout(size, settings), number, len(features) - n_pixels)
    values = torch.zeros(n_pixels, len(probes), device=image.device)
    values[probes, torch.arange(len(probes), device=image.device)] = 1
    return lattice.filter(values)
