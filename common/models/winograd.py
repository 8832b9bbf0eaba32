"""3x3 convolutions with a quarter of the multiplications (:mod:`common.winograd`) in networks, on the CPU in float32.

GPU libraries choose such an algorithm by themselves; the CPU library of torch does not. The result differs from the
direct convolution by rounding (about 1e-5 of the largest value; half precision is too coarse for it).
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from common.models.base import change_classes
from common.models.frozen import ScaledConv2d
from common.winograd.convolution import convolve, gradient_of_kernels, points_of_kernels
from common.winograd.transforms import Grid, grid_over

Network = TypeVar("Network", bound=nn.Module)

# With fewer channels the transforms cost what the multiplications save.
MIN_CHANNELS = 128

# What a convolution costs, in units of the 36 products of one tile. Done directly, a pixel takes 9 products: a quarter. By
# points, the products of a tile are a little slower, and its transforms cost as much as those of so many channels; to that
# come the kernels, of which 36 numbers are made and read in place of 9, however few tiles there are.
# Fitted to 89 shapes of training steps and of inference on one core with AVX-512 (128 to 2048 channels, sides of 7 to 41,
# dilations 1, 2, 4), on the safe side: all that are chosen were faster, by up to 2.4 times; few that are not would gain a fifth.
PRODUCTS = 1.3
TRANSFORMS = 64
KERNELS = 40


class WinogradConv2d(nn.Module):
    """The function of a 3x3 convolution with stride 1 and padding equal to its dilation, for inference.

    Args:
        conv: the convolution; :func:`suits` must hold.
    """

    kernels: Tensor  # 36 x C x K in this order, which the products read fastest.

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        self.register_buffer(
            "kernels",
            points_of_kernels(conv.weight, turned=False).transpose(1, 2).clone(memory_format=torch.contiguous_format),
        )

    def forward(self, x: Tensor) -> Tensor:
        """float32 N x C x H x W to N x K x H x W, any sign, in channels-last layout."""
        if not pays_for(x, self.conv.weight, self.conv.dilation[0]):
            return cast(Tensor, self.conv(x))
        return convolve(x, self.kernels, self.conv.bias, self.conv.dilation[0])


def use_winograd(model: Network) -> Network:
    """Copy ``model`` with its wide 3x3 convolutions replaced; ``model`` itself is untouched. For inference in float32."""
    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Conv2d) and suits(child):
                setattr(parent, name, WinogradConv2d(child))
    return model


class TrainedWinogradConv2d(nn.Conv2d):
    """A convolution that learns by points where that is faster: on the CPU, in float32, of images large enough."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        step = self.dilation[0]
        if is_plain_float(input) and is_plain_float(weight) and pays_for(input, weight, step):
            return learning_convolution(input, weight, bias, step)
        return super()._conv_forward(input, weight, bias)


class ScaledWinogradConv2d(TrainedWinogradConv2d, ScaledConv2d):
    """The same of a convolution that applies a frozen BatchNorm, with the weights that this has scaled."""


TRAINED: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv2d: TrainedWinogradConv2d,
    ScaledConv2d: ScaledWinogradConv2d,
}


def train_with_winograd(network: nn.Module) -> int:
    """Let the wide 3x3 convolutions of ``network`` learn by points; in place, names and values of all tensors stay.

    Call it after :func:`common.models.frozen.fold_frozen_batchnorm`, which takes plain convolutions only.

    Returns:
        How many convolutions do.
    """
    return change_classes(network, TRAINED, suits)


class LearningConvolution(torch.autograd.Function):
    """The convolution and its gradients. What the points take is not kept for the backward pass but computed again."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, bias: Tensor | None, step: int) -> Tensor:
        ctx.save_for_backward(images, weight)
        ctx.step = step
        kernels = points_of_kernels(weight, turned=False)
        return convolve(images, kernels.transpose(1, 2), bias, step)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        images, weight = ctx.saved_tensors
        of_images, of_weight, of_bias, _ = ctx.needs_input_grad
        # Once, as both gradients read it by pixels.
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        back = None
        if of_images:
            # Each pixel of the input receives from the places of a kernel that is turned.
            back = convolve(gradient, points_of_kernels(weight, turned=True), None, ctx.step)
        return (
            back,
            gradient_of_kernels(images, gradient, ctx.step) if of_weight else None,
            gradient.sum((0, 2, 3)) if of_bias else None,
            None,
        )


def learning_convolution(images: Tensor, weight: Tensor, bias: Tensor | None, step: int) -> Tensor:
    """:class:`LearningConvolution` of float32 N x C x H x W."""
    return cast(Tensor, LearningConvolution.apply(images, weight, bias, step))


def is_plain_float(tensor: Tensor) -> bool:
    """Whether a tensor is one of float32 on the CPU that neither autocast nor torch.compile turns into something else."""
    changed = torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling()
    return tensor.device.type == "cpu" and tensor.dtype == torch.float32 and not changed


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


def pays(grid: Grid, channels: int, out_channels: int) -> bool:
    """Whether a convolution of these images is faster by points; large dilations and odd sizes leave tiles partly empty."""
    pixels = grid.images * grid.height * grid.width
    per_tile = PRODUCTS * (1 + TRANSFORMS / channels + TRANSFORMS / out_channels)
    return grid.tiles * per_tile + KERNELS < pixels / 4


def pays_for(images: Tensor, weight: Tensor, step: int) -> bool:
    """:func:`pays` for images N x C x H x W and weights K x C x 3 x 3 with dilation ``step``."""
    n, channels, height, width = images.shape
    return pays(grid_over(n, height, width, step), channels, len(weight))
