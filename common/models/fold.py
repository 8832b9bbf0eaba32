"""Fold BatchNorm layers into the convolutions before them: the same function in eval mode, fewer passes over memory."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from common.models.base import BATCH_NORMS

Network = TypeVar("Network", bound=nn.Module)


def fold_batchnorm(model: Network) -> Network:
    """Copy ``model`` in eval mode with its BatchNorm layers folded; ``model`` itself is untouched.

    Only pairs whose order is certain are folded: neighbours in an ``nn.Sequential``, and the attributes a block names
    in ``conv_bn_pairs``. Whatever else is in the network stays. The copy is for inference: its tensors have other
    names and values than the original's.
    """
    folded = copy.deepcopy(model).eval()
    for module in list(folded.modules()):
        for conv_name, bn_name in conv_bn_pairs(module):
            fold_pair(module, conv_name, bn_name)
    return folded


def conv_bn_pairs(module: nn.Module) -> list[tuple[str, str]]:
    """Names of the direct children of ``module`` that are run as convolution, then BatchNorm."""
    if isinstance(module, nn.Sequential):
        return list(pairwise(name for name, _ in module.named_children()))
    return list(getattr(module, "conv_bn_pairs", ()))


def fold_pair(module: nn.Module, conv_name: str, bn_name: str) -> None:
    """Replace the pair by one convolution with bias and an identity, if it is such a pair."""
    conv, bn = module.get_submodule(conv_name), module.get_submodule(bn_name)
    if not (isinstance(conv, nn.Conv2d) and isinstance(bn, BATCH_NORMS) and bn.running_mean is not None):
        return
    setattr(module, conv_name, fuse_conv_bn_eval(conv, bn))
    setattr(module, bn_name, nn.Identity())
