"""3x3 convolutions with a quarter of the multiplications, for inference on the CPU.

Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray, "Fast algorithms for convolutional neural networks"): tiles of
6x6 pixels and the kernels are transformed, multiplied point by point, and transformed back to 4x4 pixels of output.
GPU libraries choose such an algorithm by themselves; the CPU library of torch does not. The result differs from the
direct convolution by rounding (about 1e-5 of the largest value in float32; half precision is too coarse for it).
"""

from __future__ import annotations

import copy
import math
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

Network = TypeVar("Network", bound=nn.Module)

# With fewer channels the transforms cost what the multiplications save; with fewer tiles, reading the larger kernels does.
MIN_CHANNELS = 128
MIN_TILES = 16

# The paper's matrices for F(4x4, 3x3), with interpolation at 0, 1, -1, 2, -2 and infinity.
INPUT_TRANSFORM = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
KERNEL_TRANSFORM = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
OUTPUT_TRANSFORM = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))


class WinogradConv2d(nn.Module):
    """The function of a 3x3 convolution with stride 1 and padding equal to its dilation, for inference.

    Args:
        conv: the convolution; :func:`suits` must hold.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        self.dilation = conv.dilation[0]
        transform = torch.tensor(KERNEL_TRANSFORM, dtype=torch.float64)
        kernels = torch.einsum("ai,bj,ocij->abco", transform, transform, conv.weight.detach().double())
        self.register_buffer("kernels", kernels.flatten(0, 1).float().contiguous())
        self.register_buffer("to_points", both_axes(INPUT_TRANSFORM))
        self.register_buffer("to_pixels", both_axes(OUTPUT_TRANSFORM))

    kernels: Tensor  # 36 x C x K
    to_points: Tensor  # 36 x 36
    to_pixels: Tensor  # 16 x 36

    def forward(self, x: Tensor) -> Tensor:
        """float32 N x C x H x W to N x K x H x W, any sign, in channels-last layout."""
        n, _, height, width = x.shape
        step = self.dilation
        # A dilated convolution is an ordinary one on each of step x step grids of pixels.
        rows, columns = (-(-side // (4 * step)) for side in (height, width))
        grids = (n, step, step, rows, columns)
        if math.prod(grids) < MIN_TILES:
            return cast(Tensor, self.conv(x))
        below, right = (4 * rows + 1) * step - height, (4 * columns + 1) * step - width
        pixels = functional.pad(x.permute(0, 2, 3, 1), (0, 0, step, right, step, below))
        # N x rows x step x columns x step x C x 6 x 6, neighbouring tiles overlapping by two pixels.
        tiles = pixels.view(n, 4 * rows + 2, step, 4 * columns + 2, step, -1).unfold(1, 6, 4).unfold(3, 6, 4)
        out = self.convolve(tiles.permute(6, 7, 0, 2, 4, 1, 3, 5)).view(4, 4, *grids, -1)
        image = out.permute(2, 5, 0, 3, 6, 1, 4, 7).reshape(n, 4 * step * rows, 4 * step * columns, -1)
        return image[:, :height, :width].permute(0, 3, 1, 2)

    def convolve(self, tiles: Tensor) -> Tensor:
        """Input tiles float32 6 x 6 x ... x C to output tiles 16 x T x K, any sign."""
        points = self.to_points @ tiles.reshape(36, -1)
        products = torch.bmm(points.view(36, -1, self.kernels.shape[1]), self.kernels)
        out = (self.to_pixels @ products.view(36, -1)).view(16, -1, self.kernels.shape[2])
        return out if self.conv.bias is None else out.add_(self.conv.bias)


def both_axes(transform: tuple[tuple[float, ...], ...]) -> Tensor:
    """A transform n x m of rows and of columns at once, for tiles flattened to vectors: float32 n^2 x m^2."""
    matrix = torch.tensor(transform, dtype=torch.float32)
    return torch.kron(matrix, matrix)


def suits(conv: nn.Module) -> bool:
    """Whether :class:`WinogradConv2d` can replace ``conv`` and is worth it."""
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


def use_winograd(model: Network) -> Network:
    """Copy ``model`` with its wide 3x3 convolutions replaced; ``model`` itself is untouched. For inference in float32."""
    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Conv2d) and suits(child):
                setattr(parent, name, WinogradConv2d(child))
    return model
