"""Cross-entropy of logits that are enlarged to the size of the labels, image by image.

Enlarged logits are the largest tensors of a training on a CPU: a light network gives 21 x 16 x 16 numbers per image, and its
loss looks at 21 x 256 x 256. Here they exist for one image at a time, which fits the cache; the gradient of the sum is known
as soon as its softmax is, so that nothing of that size is kept for the backward pass. Enlarging is two small matrix products.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from deeplabv2.resize import enlarge_maps


def enlarged_cross_entropy(logits: Tensor, labels: Tensor, ignore_label: int) -> Tensor:
    """The sum of the cross-entropy over the pixels whose label is not ``ignore_label``, float32.

    Args:
        logits: N x C x h x w, any sign; enlarged bilinearly as :func:`deeplabv2.resize.enlarge_maps` does.
        labels: int64 N x H x W, 0 to C - 1 or ``ignore_label``.
    """
    if logits.device.type == "cpu":
        return cast(Tensor, SumOverImages.apply(logits, labels, ignore_label))
    # A GPU has the memory and the bandwidth; many small pieces of work would cost it more.
    enlarged = enlarge_maps(logits.float(), labels.shape[1:])
    return functional.cross_entropy(enlarged, labels, ignore_index=ignore_label, reduction="sum")


class SumOverImages(torch.autograd.Function):
    """The sum and, where it is asked for, its gradient at once."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor, ignore_label: int) -> Tensor:
        rows, columns = (bilinear_matrix(old, new) for old, new in zip(logits.shape[2:], labels.shape[1:], strict=True))
        total = torch.zeros((), dtype=torch.float64)
        gradient = torch.empty(logits.shape, dtype=torch.float32) if ctx.needs_input_grad[0] else None
        # Under autocast the products would be taken in half precision.
        with torch.autocast("cpu", enabled=False):
            for number, (scores, truth) in enumerate(zip(logits.detach().float(), labels, strict=True)):
                log_probabilities = (rows @ (scores.contiguous() @ columns.T)).log_softmax(0)
                total += functional.nll_loss(
                    log_probabilities[None], truth[None], ignore_index=ignore_label, reduction="sum"
                )
                if gradient is not None:
                    by_pixel = gradient_of_sum(log_probabilities, truth, ignore_label)
                    gradient[number] = rows.T @ by_pixel @ columns
        if gradient is not None:
            ctx.save_for_backward(gradient.to(logits.dtype))
        return total.float()

    @staticmethod
    def backward(ctx: Any, of_sum: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * of_sum, None, None


def gradient_of_sum(log_probabilities: Tensor, truth: Tensor, ignore_label: int) -> Tensor:
    """The gradient of one image's sum by its logits, C x H x W in -1..1, in the place of ``log_probabilities``."""
    ignored = (truth == ignore_label)[None]
    gradient = log_probabilities.exp_()
    true_label = truth[None].masked_fill(ignored, 0)
    gradient.scatter_add_(0, true_label, gradient.new_full((), -1).expand(true_label.shape))
    return gradient.masked_fill_(ignored, 0)


@lru_cache(maxsize=64)
def bilinear_matrix(old: int, new: int) -> Tensor:
    """How a line of ``old`` numbers becomes one of ``new``, float32 new x old in 0..1, as torch does it without aligned corners."""
    line = torch.eye(old)[None, :, :, None]
    return functional.interpolate(line, (new, 1), mode="bilinear", align_corners=False)[0, :, :, 0].T.contiguous()
