"""Multi-scale pyramid around a segmentation network (deeplabv2 spec, section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class MSC(nn.Module):
    """Runs ``base`` at scale 1 and at ``scales``; the answer is the element-wise maximum of all logits.

    In training mode returns ``[scale 1, *scales, maximum]`` (the maximum only if there are other scales), each at its
    own size; in eval mode the maximum, at the size of scale 1.
    """

    def __init__(self, base: nn.Module, scales: Sequence[float]) -> None:
        super().__init__()
        self.base = base
        self.scales = list(scales)

    def forward(self, images: Tensor) -> Tensor | list[Tensor]:
        logits: Tensor = self.base(images)
        pyramid = [self.base(resize_by(images, scale)) for scale in self.scales]
        size = logits.shape[2:]
        enlarged = [functional.interpolate(other, size, mode="bilinear", align_corners=False) for other in pyramid]
        maximum = torch.stack([logits, *enlarged]).amax(0) if enlarged else logits
        if not self.training:
            return maximum
        return [logits, *pyramid, maximum] if pyramid else [logits]


def resize_by(images: Tensor, scale: float) -> Tensor:
    """Bilinear resize by a factor; sizes are rounded down."""
    return functional.interpolate(images, scale_factor=scale, mode="bilinear", align_corners=False)
