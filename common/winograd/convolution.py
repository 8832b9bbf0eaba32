"""A 3x3 convolution and the gradient of its weights by the points of :mod:`common.winograd.transforms`.

Tiles go through in blocks: their points stay in the cache between the transforms and the products, and need little memory.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from common.cores import split_over_threads
from common.winograd.transforms import (
    POINTS,
    Grid,
    grid_over,
    kernels_to_points,
    pixels_to_points,
    points_to_kernel_gradients,
    points_to_pixels,
)

# Tiles of a block. With fewer, the products read the kernels' points too often; with more, the tiles' leave the cache.
TILES_AT_ONCE = 384
# Floats between the kernels' points: powers of two apart, as numbers of channels are, all 36 would fight for the same lines of
# the cache.
GAP = 16


class Scratch(threading.local):
    """Memory that one thread uses again and again, as the system takes longer to hand out new memory than it takes to fill it."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}

    def floats(self, name: str, *shape: int) -> Tensor:
        """float32 of ``shape``, with the content of whatever used ``name`` before."""
        size = int(np.prod(shape))
        if len(self.arrays.get(name, ())) < size:
            # Without the old one while the new one is made.
            self.arrays.pop(name, None)
            self.arrays[name] = np.empty(size, np.float32)
        return torch.from_numpy(self.arrays[name][:size]).view(shape)


scratch = Scratch()


def points_of_kernels(weight: Tensor, turned: bool) -> Tensor:
    """The points of kernels, float32 36 x K x C, for :func:`convolve`, in scratch memory that the next call takes.

    Args:
        weight: float32 K x C x 3 x 3, any sign.
        turned: turn the kernels by 180 degrees first, as the gradient of the input needs them.
    """
    n_kernels, channels = weight.shape[:2]
    memory = scratch.floats("kernels", POINTS, n_kernels * channels + GAP)
    weights, points = flat_of(pixels_of(weight)), flat_of(memory)
    split_over_threads(lambda start, stop: kernels_to_points(weights, channels, turned, start, stop, points), n_kernels)
    return memory[:, :-GAP].unflatten(1, (n_kernels, channels))


def convolve(images: Tensor, kernels: Tensor, bias: Tensor | None, step: int) -> Tensor:
    """Convolve with padding ``step`` and dilation ``step``.

    Args:
        images: float32 N x C x H x W, any sign, any layout.
        kernels: float32 36 x C x K, any strides: :func:`points_of_kernels` with the last two axes exchanged; without that,
            and of turned kernels, they lead from the output's gradient to the input's.
        bias: float32 K or None.

    Returns:
        float32 N x K x H x W in channels-last layout.
    """
    pixels, out_channels = pixels_of(images), kernels.shape[2]
    grid = grid_of(pixels, step)
    out = channels_last(len(images), out_channels, *images.shape[2:])
    bias = torch.zeros(out_channels) if bias is None else bias.detach().contiguous()
    for begin, count in blocks(grid):
        points = points_of_block("points", pixels, grid, False, begin, count)
        products = scratch.floats("products", POINTS, count, out_channels)
        torch.bmm(points, kernels, out=products)
        write_block(products, bias, grid, begin, pixels_of(out))
    return out


def write_block(products: Tensor, bias: Tensor, grid: Grid, begin: int, out: Tensor) -> None:
    """Turn products float32 36 x T x K of the tiles from ``begin`` to pixels of ``out`` N x H x W x K."""
    source, added, target = flat_of(products), flat_of(bias), flat_of(out)
    count, channels = products.shape[1:]

    def transform(start: int, stop: int) -> None:
        points_to_pixels(source, added, channels, grid, begin, begin + start, begin + stop, target)

    split_over_threads(transform, count)


def gradient_of_kernels(images: Tensor, output_gradient: Tensor, step: int) -> Tensor:
    """The gradient of the weights of :func:`convolve`.

    Args:
        images: its input, float32 N x C x H x W.
        output_gradient: float32 N x K x H x W, any sign.

    Returns:
        float32 K x C x 3 x 3 in channels-last layout.
    """
    pixels, gradients = pixels_of(images), pixels_of(output_gradient)
    channels, out_channels = pixels.shape[3], gradients.shape[3]
    grid = grid_of(pixels, step)
    memory = scratch.floats("kernels", POINTS, out_channels * channels + GAP)
    sums = memory[:, :-GAP].unflatten(1, (out_channels, channels))
    for begin, count in blocks(grid):
        tiles = points_of_block("points", pixels, grid, False, begin, count)
        factors = points_of_block("products", gradients, grid, True, begin, count).transpose(1, 2)
        torch.baddbmm(sums, factors, tiles, beta=min(begin, 1), out=sums)
    weight = channels_last(out_channels, channels, 3, 3)
    points, target = flat_of(memory), flat_of(pixels_of(weight))
    split_over_threads(
        lambda start, stop: points_to_kernel_gradients(points, channels, start, stop, target), out_channels
    )
    return weight


def points_of_block(name: str, pixels: Tensor, grid: Grid, of_gradient: bool, begin: int, count: int) -> Tensor:
    """The points of ``count`` tiles from ``begin``, float32 36 x count x C, in the scratch memory ``name``."""
    channels = pixels.shape[3]
    points = scratch.floats(name, POINTS, count, channels)
    source, target = flat_of(pixels), flat_of(points)

    def transform(start: int, stop: int) -> None:
        pixels_to_points(source, channels, grid, of_gradient, begin, begin + start, begin + stop, target)

    split_over_threads(transform, count)
    return points


def blocks(grid: Grid) -> Iterator[tuple[int, int]]:
    """First tile and number of tiles of blocks of about equal size."""
    number = -(-grid.tiles // TILES_AT_ONCE)
    bounds = [grid.tiles * block // number for block in range(number + 1)]
    for begin, end in pairwise(bounds):
        yield begin, end - begin


def grid_of(pixels: Tensor, step: int) -> Grid:
    """The tiles of images N x H x W x C."""
    n, height, width = pixels.shape[:3]
    return grid_over(n, height, width, step)


def channels_last(*shape: int) -> Tensor:
    """New float32 N x C x H x W. No view of another tensor: a layer behind may write into it (``nn.ReLU(inplace=True)``)."""
    return torch.empty(shape, memory_format=torch.channels_last)


def pixels_of(images: Tensor) -> Tensor:
    """N x C x H x W of any layout to N x H x W x C in memory; that of channels-last images is theirs."""
    return images.detach().permute(0, 2, 3, 1).contiguous()


def flat_of(tensor: Tensor) -> np.ndarray:
    """The numbers of a contiguous tensor."""
    flat: np.ndarray = tensor.view(-1).numpy()
    return flat
