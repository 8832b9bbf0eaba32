"""Which convolutions, and of which images, are faster by points than directly."""

from __future__ import annotations

from torch import Tensor, nn

from common.winograd.transforms import Grid, grid_over

# With fewer channels the transforms cost what the multiplications save.
MIN_CHANNELS = 128

# What a convolution costs, in units of the 36 products of one tile. Done directly, a pixel takes 9 products: a quarter. By
# points, the products of a tile are a little slower, and its transforms cost as much as those of so many channels; to that
# come the kernels, however few tiles there are: reading 36 numbers for 9, and, unless they were kept, the transforms.
# Fitted to 89 shapes of training steps and of inference on one core with AVX-512 (128 to 2048 channels, sides of 7 to 41,
# dilations 1, 2, 4): all those that are chosen are faster, by 1.04 to 2.4 times, and no shape left out would gain a third.
PRODUCTS = 1.3
TRANSFORMS = 64
KERNELS = 25
KEPT_KERNELS = 14


def suits(conv: nn.Module) -> bool:
    """Whether a convolution has the form that :mod:`common.winograd` computes, and enough channels."""
    return (
        isinstance(conv, nn.Conv2d)
        and conv.kernel_size == (3, 3)
        and conv.stride == (1, 1)
        and conv.dilation[0] == conv.dilation[1]
        and conv.padding == conv.dilation
        and conv.padding_mode == "zeros"
        and conv.groups == 1
        and min(conv.in_channels, conv.out_channels) >= MIN_CHANNELS
    )


def pays(grid: Grid, channels: int, out_channels: int, kernels_kept: bool) -> bool:
    """Whether a convolution of these images is faster by points; large dilations and odd sizes leave tiles partly empty.

    Args:
        kernels_kept: the kernels' points are at hand, as in inference; otherwise they are computed, also for the gradients.
    """
    pixels = grid.images * grid.height * grid.width
    per_tile = PRODUCTS * (1 + TRANSFORMS / channels + TRANSFORMS / out_channels)
    return grid.tiles * per_tile + (KEPT_KERNELS if kernels_kept else KERNELS) < pixels / 4


def pays_for(images: Tensor, weight: Tensor, step: int, kernels_kept: bool) -> bool:
    """:func:`pays` for images N x C x H x W and weights K x C x 3 x 3 with dilation ``step``."""
    n, channels, height, width = images.shape
    return pays(grid_over(n, height, width, step), channels, len(weight), kernels_kept)
