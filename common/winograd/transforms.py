"""Compiled loops between images or kernels and the 36 points where they are multiplied.

Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray, "Fast algorithms for convolutional neural networks"): 6x6 pixels of
the input, at places that overlap by two pixels, and the 3x3 kernels become 36 numbers each; their products become 4x4 pixels
of output. The gradient of the kernels is the transposed way: 4x4 pixels of the output's gradient become 36 numbers, and the
products with those of the input become 3x3.

All arrays are flat and C-contiguous. A loop over channels goes by 16; the last 16 of a number of channels that 16 does not
divide overlap with those before and write the same again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from common.compiling import compiled
from common.winograd.vectors import (
    INPUT_TRANSFORM,
    KERNEL_TRANSFORM,
    LANES,
    OUTPUT_TRANSFORM,
    clear,
    move,
    move_sum,
    on_both_axes,
    transposed,
)

Floats = npt.NDArray[np.float32]

POINTS = 36
input_transform = on_both_axes(INPUT_TRANSFORM)
output_transform = on_both_axes(OUTPUT_TRANSFORM)
kernel_transform = on_both_axes(KERNEL_TRANSFORM)
# Backward: from 4x4 gradients of the output to the points, and from the points to a gradient of 3x3 weights.
output_gradient_transform = on_both_axes(transposed(OUTPUT_TRANSFORM))
kernel_gradient_transform = on_both_axes(transposed(KERNEL_TRANSFORM))


class Grid(NamedTuple):
    """Images N x height x width cut into tiles of 4x4 pixels that are ``step`` (the dilation) apart.

    A dilated convolution is an ordinary one on each of step x step grids of pixels; each has ``rows`` x ``columns`` tiles.
    """

    images: int
    height: int
    width: int
    step: int
    rows: int
    columns: int

    @property
    def tiles(self) -> int:
        return self.images * self.step * self.step * self.rows * self.columns


def grid_over(images: int, height: int, width: int, step: int) -> Grid:
    """The tiles that cover images of this size; the last ones of a row or column may reach beyond the border."""
    rows, columns = (-(-side // (4 * step)) for side in (height, width))
    return Grid(images, height, width, step, rows, columns)


@compiled
def place_of(tile: int, grid: Grid) -> tuple[int, int, int]:
    """Image, and row and column of the first pixel, of a tile."""
    rest, column = divmod(tile, grid.columns)
    rest, row = divmod(rest, grid.rows)
    rest, right = divmod(rest, grid.step)
    image, down = divmod(rest, grid.step)
    return image, 4 * grid.step * row + down, 4 * grid.step * column + right


@compiled
def pixels_to_points(
    images: Floats, channels: int, grid: Grid, of_gradient: bool, begin: int, start: int, stop: int, points: Floats
) -> None:
    """Transform the pixels of tiles ``start`` to ``stop`` (not included); pixels beyond the border are 0.

    Args:
        images: float32 [N, height, width, channels], any sign.
        of_gradient: false for the 6x6 pixels that 4x4 pixels of output depend on, true for 4x4 pixels of the output's gradient.
        begin: the tile that comes first in ``points``.
        points: float32 [36, T, channels], written for these tiles.
    """
    size, before = (4, 0) if of_gradient else (6, 1)
    n_tiles = len(points) // (POINTS * channels)
    patch = np.empty(size * size * LANES, np.float32)
    down, right = grid.step * grid.width * channels, grid.step * channels
    for tile in range(start, stop):
        image, top, left = place_of(tile, grid)
        top, left = top - before * grid.step, left - before * grid.step
        inside = top >= 0 and left >= 0
        inside = inside and top + (size - 1) * grid.step < grid.height and left + (size - 1) * grid.step < grid.width
        first = ((image * grid.height + top) * grid.width + left) * channels
        for block in range(0, channels, LANES):
            channel = min(block, channels - LANES)
            to = (tile - begin) * channels + channel
            source, source_at, source_rows, source_columns = images, first + channel, down, right
            if not inside:
                for i in range(size):
                    for j in range(size):
                        y, x = top + i * grid.step, left + j * grid.step
                        if 0 <= y < grid.height and 0 <= x < grid.width:
                            move(patch, (i * size + j) * LANES, images, first + channel + i * down + j * right)
                        else:
                            clear(patch, (i * size + j) * LANES)
                source, source_at, source_rows, source_columns = patch, 0, size * LANES, LANES
            apart = n_tiles * channels
            if of_gradient:
                output_gradient_transform(points, to, 6 * apart, apart, source, source_at, source_rows, source_columns)
            else:
                input_transform(points, to, 6 * apart, apart, source, source_at, source_rows, source_columns)


@compiled
def points_to_pixels(
    products: Floats, bias: Floats, channels: int, grid: Grid, begin: int, start: int, stop: int, images: Floats
) -> None:
    """Transform the products of tiles ``start`` to ``stop`` (not included) to pixels of output and add the bias.

    Args:
        products: float32 [36, T, channels], any sign, whose first tile is ``begin``.
        bias: float32 [channels].
        images: float32 [N, height, width, channels], written for these tiles.
    """
    apart = len(products) // POINTS
    patch = np.empty(16 * LANES, np.float32)
    for tile in range(start, stop):
        image, top, left = place_of(tile, grid)
        n_rows, n_columns = -(-(grid.height - top) // grid.step), -(-(grid.width - left) // grid.step)
        first = ((image * grid.height + top) * grid.width + left) * channels
        for block in range(0, channels, LANES):
            channel = min(block, channels - LANES)
            output_transform(
                patch, 0, 4 * LANES, LANES, products, (tile - begin) * channels + channel, 6 * apart, apart
            )
            for i in range(min(n_rows, 4)):
                for j in range(min(n_columns, 4)):
                    to = first + (i * grid.width + j) * grid.step * channels + channel
                    move_sum(images, to, patch, (i * 4 + j) * LANES, bias, channel)


@compiled
def kernels_to_points(weights: Floats, channels: int, turned: bool, start: int, stop: int, points: Floats) -> None:
    """Transform the kernels of output channels ``start`` to ``stop`` (not included).

    Args:
        weights: float32 [K, 3, 3, channels], any sign.
        turned: turn the kernels by 180 degrees first.
        points: float32 [36, K, channels], written for these output channels.
    """
    apart = len(points) // POINTS
    corner, down, right = (8 * channels, -3 * channels, -channels) if turned else (0, 3 * channels, channels)
    for row in range(start, stop):
        for block in range(0, channels, LANES):
            channel = min(block, channels - LANES)
            at = row * 9 * channels + corner + channel
            kernel_transform(points, row * channels + channel, 6 * apart, apart, weights, at, down, right)


@compiled
def points_to_kernel_gradients(points: Floats, channels: int, start: int, stop: int, gradients: Floats) -> None:
    """The transposed of :func:`kernels_to_points`.

    Args:
        points: float32 [36, K, channels], any sign.
        gradients: float32 [K, 3, 3, channels], written for output channels ``start`` to ``stop`` (not included).
    """
    apart = len(points) // POINTS
    for row in range(start, stop):
        for block in range(0, channels, LANES):
            channel = min(block, channels - LANES)
            to = row * 9 * channels + channel
            at = row * channels + channel
            kernel_gradient_transform(gradients, to, 3 * channels, channels, points, at, 6 * apart, apart)
