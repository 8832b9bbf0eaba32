"""How a row of attention scores becomes weights that sum to (almost) one (sgan spec, section 2.1).

Scores and masks are [..., N, N]; a row is one query cell, a column one key cell. The network uses the first; the other two
are in the published code without being called.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

EPSILON = 1e-5

Normaliser = Callable[[Tensor, Tensor], Tensor]


def masked_normalize(scores: Tensor, mask: Tensor) -> Tensor:
    """Shift each row so that its least masked score (0 where the mask is 0) is zero, and divide by the row's sum.

    Linear in the scores, not a softmax. Rows without a cell in the mask are 0.
    """
    masked = scores * mask
    shifted = mask * (masked - masked.min(-1, keepdim=True).values)
    return shifted / (shifted.sum(-1, keepdim=True) + EPSILON)


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the cells of the mask; the maximum that keeps it finite is that of the whole row."""
    weights = (scores - scores.max(-1, keepdim=True).values).exp() * mask
    return weights / (weights.sum(-1, keepdim=True) + EPSILON)


def softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over all cells, whatever the mask says."""
    weights = (scores - scores.max(-1, keepdim=True).values).exp()
    return weights / (weights.sum(-1, keepdim=True) + EPSILON)


NORMALISERS: dict[str, Normaliser] = {
    "masked_normalize": masked_normalize,
    "masked_softmax": masked_softmax,
    "softmax": softmax,
}
