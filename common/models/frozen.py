"""Frozen BatchNorm computed inside the convolution before it, while the network trains.

A BatchNorm whose statistics, weight and bias are fixed multiplies each channel by a number and adds one. Scaling the
convolution's weights instead gives the same function and the same gradients, without two passes over the features and
without keeping the features between them for the backward pass. Names and values of all tensors stay, so checkpoints
fit with and without it.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from common.models.base import BATCH_NORMS
from common.models.fold import conv_bn_pairs


class ScaledConv2d(nn.Conv2d):
    """A convolution that applies the frozen BatchNorm in ``norms`` (a tuple, so that it is not registered twice)."""

    norms: tuple[nn.BatchNorm2d]

    def forward(self, input: Tensor) -> Tensor:
        """N x C x H x W to N x K x h x w, any sign: the convolution, then the BatchNorm."""
        scale, shift = scale_and_shift(self.norms[0])
        bias = shift if self.bias is None else shift + scale * self.bias
        return self._conv_forward(input, self.weight * scale[:, None, None, None], bias)


class AppliedBatchNorm2d(nn.BatchNorm2d):
    """A BatchNorm that the convolution before it has applied already."""

    def forward(self, input: Tensor) -> Tensor:
        """``input`` itself, N x K x h x w, any sign."""
        if self.training:
            raise RuntimeError("a frozen BatchNorm was put into training mode after it was folded")
        return input


def scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Factor and summand of each channel, float32 [C] each."""
    mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
    scale = norm.weight * torch.rsqrt(variance + norm.eps)
    return scale, norm.bias - mean * scale


def fold_frozen_batchnorm(network: nn.Module) -> int:
    """Let the convolutions of ``network`` apply the frozen BatchNorms behind them; in place.

    A BatchNorm is frozen when it is in eval mode and neither its weight nor its bias learns; others stay as they are. Call
    it after freezing and ``train()``.

    Returns:
        How many were folded.
    """
    folded = 0
    for module in list(network.modules()):
        for conv_name, norm_name in conv_bn_pairs(module):
            conv, norm = module.get_submodule(conv_name), module.get_submodule(norm_name)
            if type(conv) is nn.Conv2d and isinstance(norm, BATCH_NORMS) and is_frozen(norm):
                conv.__class__ = ScaledConv2d
                cast(ScaledConv2d, conv).norms = (cast(nn.BatchNorm2d, norm),)
                norm.__class__ = AppliedBatchNorm2d
                folded += 1
    return folded


def freeze_batchnorm_parameters(network: nn.Module) -> None:
    """Fix the factors and summands of all BatchNorm layers, besides the statistics that :meth:`Backbone.freeze` fixes."""
    for layer in network.modules():
        if isinstance(layer, BATCH_NORMS):
            layer.requires_grad_(False)


def is_frozen(norm: nn.Module) -> bool:
    """Whether a BatchNorm is a fixed function of each channel."""
    learns = any(parameter.requires_grad for parameter in norm.parameters())
    return not norm.training and not learns and getattr(norm, "running_mean", None) is not None
