"""Mean field with the sums of the formula, over all pairs of pixels: the referee of every lattice, for small images.

The permutohedral lattice that all engines of the field use approximates the sums of Kraehenbuehl and Koltun (2011). Its bilateral kernel
is 3 to 7 % wider than asked for, its blur stops where no pixel fell, and a mirrored image gets other labels. Published numbers were made
with it, so that it stays the engine; what it costs is measured against this one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from common.crf.presets import CrfSettings
from common.crf.tensor_engine import Kernel, mean_field_steps
from common.errors import ConfigError

# All pairs of 256 x 256 pixels take about ten seconds per step and core.
PIXELS_LIMIT, LONGEST_SIDE = 1 << 16, 2048
# Pairs that are held at a time, 8 bytes each: they should stay in the cache.
PAIRS_AT_ONCE = 1 << 18
# exp of it is 1e-13: all pixels together would not change the sixth digit of a sum, whose own pixel counts 1.
SMALLEST_EXPONENT = -30.0


class PositionSums:
    """exp(-d^2 / 2) of the positions of ``size`` (height, width) in standard deviations, normalised; separable, so two small matrices."""

    def __init__(self, size: tuple[int, int], sxy: float, device: torch.device) -> None:
        self.size = size
        self.matrices = [gaussian_matrix(side, sxy, device) for side in size]
        self.scale = torch.ones(size[0] * size[1], 1, dtype=torch.float64, device=device)
        self.scale = self.sums(self.scale).rsqrt()

    def sums(self, values: Tensor) -> Tensor:
        """Sums over all pixels, float64 [N, C]."""
        down, across = self.matrices
        maps = values.T.reshape(-1, *self.size)
        return (down @ maps @ across).reshape(values.shape[1], -1).T

    def filter(self, values: Tensor) -> Tensor:
        return (self.scale * self.sums(self.scale * values.double())).float()


def gaussian_matrix(length: int, deviation: float, device: torch.device) -> Tensor:
    """exp(-d^2 / 2) of all pairs of ``length`` places, float64."""
    places = torch.arange(length, dtype=torch.float64, device=device) / deviation
    return (-0.5 * (places[:, None] - places) ** 2).exp()


class ColourSums:
    """exp(-d^2 / 2) of positions and colours of an image uint8 [H, W, 3], normalised; computed anew for every sum, in blocks."""

    def __init__(self, image: Tensor, sxy: float, srgb: float) -> None:
        self.places, self.colours = pixel_places(image), image.reshape(-1, 3).float()
        self.weights = -0.5 / sxy**2, -0.5 / srgb**2
        self.scale = self.sums(torch.ones(len(self.places), 1, device=image.device)).rsqrt()

    def sums(self, values: Tensor) -> Tensor:
        """Sums over all pixels, float32 [N, C]."""
        rows = max(1, PAIRS_AT_ONCE // len(self.places))
        parts = [squares_of(whole) for whole in (self.places, self.colours)]
        blocks = zip(*(left.split(rows) for left, _ in parts), strict=True)
        return torch.cat([self.kernel(block, [right for _, right in parts]) @ values for block in blocks])

    def kernel(self, lefts: Sequence[Tensor], rights: Sequence[Tensor]) -> Tensor:
        """Rows of the kernel, float32 [R, N]."""
        exponents, colours = (left @ right for left, right in zip(lefts, rights, strict=True))
        exponents.mul_(self.weights[0]).add_(colours, alpha=self.weights[1])
        # What is far away is nothing: numbers too small for float32 would make all that follows ten times slower.
        return torch.threshold_(exponents, SMALLEST_EXPONENT, -torch.inf).exp_()

    def filter(self, values: Tensor) -> Tensor:
        return self.scale * self.sums(self.scale * values)


def pixel_places(image: Tensor) -> Tensor:
    """x and y of the pixels of an image [H, W, 3], float32 [N, 2]."""
    height, width = image.shape[:2]
    rows = torch.arange(height, dtype=torch.float32, device=image.device)
    columns = torch.arange(width, dtype=torch.float32, device=image.device)
    return torch.stack([columns.repeat(height), rows.repeat_interleave(width)], dim=1)


def squares_of(points: Tensor) -> tuple[Tensor, Tensor]:
    """float32 [N, d + 2] and [d + 2, N], whose product holds the squared distances of all pairs of points [N, d]. Of whole numbers up to
    2,048 it is exact.
    """
    squares, ones = (points**2).sum(1, keepdim=True), torch.ones_like(points[:, :1])
    return torch.cat([-2 * points, squares, ones], 1), torch.cat([points, ones, squares], 1).T.contiguous()


@torch.no_grad()
def exact_mean_field(images: Tensor, unaries: Tensor, settings: CrfSettings) -> Tensor:
    """Q of B images, each with S unary energies, on any device; a few megabytes besides what is given and returned.

    Args:
        images: uint8 [B, H, W, 3].
        unaries: float32 [B, S, C, H, W].

    Returns:
        float32 [B, S, C, H, W].

    Raises:
        ConfigError: an image has more than ``PIXELS_LIMIT`` pixels, or is longer than ``LONGEST_SIDE``.
    """
    size = (unaries.shape[-2], unaries.shape[-1])
    if size[0] * size[1] > PIXELS_LIMIT or max(size) > LONGEST_SIDE:
        raise ConfigError(
            f"the exact CRF of {size[1]}x{size[0]} pixels would add up {(size[0] * size[1]) ** 2:.1e} pairs in every step; reduce the "
            f"image to {PIXELS_LIMIT} pixels or less (with both sxy reduced likewise), cut it, or use the engine torch"
        )
    position = PositionSums(size, settings.gaussian_sxy, unaries.device)
    return torch.cat(
        [
            mean_field_steps(unary[None], kernels_of(image, position, settings), settings.iterations)
            for image, unary in zip(images, unaries, strict=True)
        ]
    )


def kernels_of(image: Tensor, position: Kernel, settings: CrfSettings) -> list[tuple[Kernel, float]]:
    """The two kernels of an image uint8 [H, W, 3], with their weights."""
    colour = ColourSums(image, settings.bilateral_sxy, settings.bilateral_srgb)
    return [(position, settings.gaussian_compat), (colour, settings.bilateral_compat)]
