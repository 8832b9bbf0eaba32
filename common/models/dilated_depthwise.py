"""Gradients of dilated depthwise convolutions on the CPU, by undilated ones.

A convolution of dilation d is an ordinary one on each of d x d grids of pixels. torch's CPU library has slow gradients for the
dilated one (a MobileNetV2 with an output stride of 16 spends a third of a bf16 step on three such layers) and, in bfloat16
and channels-last layout, wrong ones for its weights where a map is 30 or more pixels wide (findings/depthwise_gradients.sh).
The forward pass is right and fast, and stays as it is; so do the names and values of all tensors.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.models.base import change_classes
from common.models.frozen import ScaledConv2d


class GradientsOnGrids:
    """What a dilated depthwise convolution (``nn.Conv2d`` for which :func:`suits` holds) does otherwise."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        layer = cast(nn.Conv2d, self)
        if input.device.type != "cpu" or not torch.is_grad_enabled():
            return nn.Conv2d._conv_forward(layer, input, weight, bias)
        if torch.is_autocast_enabled("cpu"):
            half = torch.get_autocast_dtype("cpu")
            input, weight, bias = input.to(half), weight.to(half), None if bias is None else bias.to(half)
        return cast(Tensor, DilatedDepthwise.apply(input, weight, bias, layer.dilation[0]))


class DilatedDepthwiseConv2d(GradientsOnGrids, nn.Conv2d):
    """A dilated depthwise convolution."""


class ScaledDilatedDepthwiseConv2d(GradientsOnGrids, ScaledConv2d):
    """One that applies the frozen BatchNorm behind it."""


# What each class becomes.
CLASSES: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv2d: DilatedDepthwiseConv2d,
    ScaledConv2d: ScaledDilatedDepthwiseConv2d,
}


def suits(layer: nn.Module) -> bool:
    """Whether it is a dilated depthwise convolution that keeps the size of its maps."""
    return (
        isinstance(layer, nn.Conv2d)
        and layer.groups == layer.in_channels == layer.out_channels
        and layer.dilation[0] == layer.dilation[1] > 1
        and layer.stride == (1, 1)
        and layer.kernel_size[0] == layer.kernel_size[1]
        and layer.kernel_size[0] % 2 == 1
        and layer.padding == (layer.dilation[0] * (layer.kernel_size[0] // 2),) * 2
        and layer.padding_mode == "zeros"
    )


def repair_dilated_depthwise(network: nn.Module) -> int:
    """Let the dilated depthwise convolutions of ``network`` take their gradients on grids, in place; returns how many."""
    return change_classes(network, CLASSES, suits)


class DilatedDepthwise(torch.autograd.Function):
    """N x C x H x W with C x 1 x k x k to N x C x H x W, any sign."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
        ctx.save_for_backward(input, weight)
        ctx.dilation = dilation
        padding = dilation * (weight.shape[2] // 2)
        return functional.conv2d(input, weight, bias, 1, padding, dilation, len(weight))

    @staticmethod
    def backward(ctx: Any, of_output: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        input, weight = ctx.saved_tensors
        of_input, of_weight, _ = torch.ops.aten.convolution_backward(
            *(on_grids(maps, ctx.dilation) for maps in (of_output, input)),
            *(weight, None, (1, 1), (weight.shape[2] // 2,) * 2, (1, 1), False, (0, 0), len(weight)),
            (*ctx.needs_input_grad[:2], False),
        )
        if of_input is not None:
            of_input = off_grids(of_input, ctx.dilation, input.shape)
        return of_input, of_weight, of_output.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None, None


def on_grids(maps: Tensor, dilation: int) -> Tensor:
    """The d x d grids of maps N x C x H x W: (N d d) x C x H/d x W/d, rounded up, channels-last; zeros beyond the edge."""
    n, channels, height, width = maps.shape
    rows, columns = -(-height // dilation), -(-width // dilation)
    pixels = maps.permute(0, 2, 3, 1)
    if (rows * dilation, columns * dilation) != (height, width):
        pixels = functional.pad(pixels, (0, 0, 0, columns * dilation - width, 0, rows * dilation - height))
    split = pixels.reshape(n, rows, dilation, columns, dilation, channels).permute(0, 2, 4, 1, 3, 5)
    return split.reshape(-1, rows, columns, channels).permute(0, 3, 1, 2)


def off_grids(grids: Tensor, dilation: int, shape: torch.Size) -> Tensor:
    """The maps of ``shape`` whose grids :func:`on_grids` gave, channels-last."""
    _, channels, rows, columns = grids.shape
    n, _, height, width = shape
    split = grids.permute(0, 2, 3, 1).reshape(n, dilation, dilation, rows, columns, channels)
    pixels = split.permute(0, 3, 1, 4, 2, 5).reshape(n, rows * dilation, columns * dilation, channels)
    return pixels[:, :height, :width].permute(0, 3, 1, 2)
