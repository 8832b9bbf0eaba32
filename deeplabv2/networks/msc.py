"""Multi-scale pyramid around a segmentation network (deeplabv2 spec, section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

ResizeConvention = Literal["current", "recomputed"]


class MSC(nn.Module):
    """Runs ``base`` at scale 1 and at ``scales``; the answer is the element-wise maximum of all logits.

    In training mode returns ``[scale 1, *scales, maximum]`` (the maximum only if there are other scales), each at its
    own size; in eval mode the maximum, at the size of scale 1.
    """

    def __init__(self, base: nn.Module, scales: Sequence[float], resize: ResizeConvention = "current") -> None:
        super().__init__()
        self.base = base
        self.scales = list(scales)
        self.resize: ResizeConvention = resize

    def forward(self, images: Tensor) -> Tensor | list[Tensor]:
        logits: Tensor = self.base(images)
        pyramid = [self.base(resize_by(images, scale, self.resize)) for scale in self.scales]
        maximum = elementwise_maximum(logits, pyramid)
        if not self.training:
            return maximum
        return [logits, *pyramid, maximum] if pyramid else [logits]


def elementwise_maximum(logits: Tensor, pyramid: Sequence[Tensor]) -> Tensor:
    """Maximum of ``logits`` (N x C x h x w) and of ``pyramid`` enlarged to h x w; where two are equal the first wins."""
    if not pyramid:
        return logits
    enlarged = [enlarge(other, logits.shape[2:]) for other in pyramid]
    return torch.stack([logits, *enlarged]).max(dim=0).values


def enlarge(logits: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear resize of logits N x C x h x w to ``size`` = (H, W)."""
    return functional.interpolate(logits, tuple(size), mode="bilinear", align_corners=False)


def resize_by(images: Tensor, scale: float, convention: ResizeConvention = "current") -> Tensor:
    """Bilinear resize by a factor; sizes are rounded down.

    Args:
        images: N x C x H x W.
        scale: the factor.
        convention: ``current`` steps through the source by 1 / scale, as PyTorch does today; ``recomputed`` by old size /
            new size, as PyTorch did before 1.6, when the published weights were trained. They differ, by up to a pixel
            at the far edge, where H * scale is not a whole number.
    """
    return functional.interpolate(
        images,
        scale_factor=scale,
        mode="bilinear",
        align_corners=False,
        recompute_scale_factor=convention == "recomputed",
    )
