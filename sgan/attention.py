"""Saliency-guided self-attention: each salient position looks at the salient ones, each other position at the others.

With queries q, keys k, values x and the salient mask v (1 or 0 per position), d query channels and N0 other positions, the
published weights are (sgan spec, section 2.1)

    salient i:      a_ij = v_j (s_ij - mu_i) / (sum_j v_j (s_ij - mu_i) + 1e-5),    s_ij = q_i . k_j / sqrt(d),
                    mu_i = min_j v_j s_ij (over all j, so that it is at most 0 where a position is not salient)
    non-salient i:  (1 - v_j) / (N0 + 1e-5)

and the context is their sum over the values. :func:`salient_context` computes that without ever holding the N x N
weights for the backward pass: they are linear in the scores, so the sum over j can be taken before q_i comes in.
With n salient positions, their mean key k' and value x', and the least key k_m of row i,

    sum_j v_j (s_ij - mu_i) x_j = q_i . C + n delta_i x',     C = sum_j v_j (k_j - k') (x_j - x')^T / sqrt(d),
    sum_j v_j (s_ij - mu_i)     = n delta_i,                  delta_i = q_i . (k' - v_m k_m) / sqrt(d) >= 0.

Only the position m of each row's minimum needs the scores, image by image and without gradient.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

WEIGHT_EPSILON = 1e-5
LINEAR = "masked_normalize"
# (scores, mask), both [..., N, N], row = query position, column = key position -> weights whose rows sum to (almost) one.
Normaliser = Callable[[Tensor, Tensor], Tensor]


def masked_normalize(scores: Tensor, mask: Tensor) -> Tensor:
    """Shift each row so that its least masked score (0 where the mask is 0) is zero, and divide by the row's sum.

    Both n x N x N, mask 0/1. Linear in the scores, not a softmax. Rows without a position in the mask are 0.
    """
    masked = scores * mask
    shifted = mask * (masked - masked.min(-1, keepdim=True).values)
    return shifted / (shifted.sum(-1, keepdim=True) + WEIGHT_EPSILON)


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the positions of the mask (0/1, n x N x N); the maximum that keeps it finite is the whole row's."""
    weights = (scores - scores.max(-1, keepdim=True).values).exp() * mask
    return weights / (weights.sum(-1, keepdim=True) + WEIGHT_EPSILON)


def plain_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax of scores n x N x N, any sign, over all positions, whatever the mask says."""
    weights = (scores - scores.max(-1, keepdim=True).values).exp()
    return weights / (weights.sum(-1, keepdim=True) + WEIGHT_EPSILON)


# The published network uses the first; the other two are in its code without being called.
NORMALISERS: dict[str, Normaliser] = {
    LINEAR: masked_normalize,
    "masked_softmax": masked_softmax,
    "softmax": plain_softmax,
}


def dense_masks(salient: Tensor) -> tuple[Tensor, Tensor]:
    """The published loader's masks n x N x N of salient positions n x N (0/1): pairs that attend, weights of others."""
    other = 1 - salient
    background = other[:, :, None] * other[:, None, :] / (other.sum(1)[:, None, None] + WEIGHT_EPSILON)
    return salient[:, :, None] * salient[:, None, :], background


def attention_weights(query: Tensor, key: Tensor, salient: Tensor, normaliser: str = LINEAR) -> Tensor:
    """The weights as the published code forms them, to look at or for other normalisers than the linear one.

    Args:
        query: n x d x N, any sign.
        key: n x d x N, any sign.
        salient: n x N, 1 for salient positions and 0 for others; or their dense masks, n x 2 x N x N.

    Returns:
        n x N x N, row = query position; memory grows with N squared.
    """
    salient = salient.to(query.dtype)
    foreground, background = salient.unbind(1) if salient.dim() == 4 else dense_masks(salient)
    scores = query.transpose(1, 2) @ key / query.shape[1] ** 0.5
    return NORMALISERS[normaliser](scores, foreground) + background


def dense_context(query: Tensor, key: Tensor, values: Tensor, salient: Tensor, normaliser: str = LINEAR) -> Tensor:
    """Context n x c x N, any sign, through N x N weights; see :func:`attention_weights` and :func:`salient_context`."""
    return values @ attention_weights(query, key, salient, normaliser).transpose(1, 2)


def salient_context(query: Tensor, key: Tensor, values: Tensor, salient: Tensor) -> Tensor:
    """Context of the linear normaliser, in memory linear in N and in the number of images.

    Args:
        query: n x d x N float32.
        key: n x d x N.
        values: n x c x N.
        salient: n x N, 1 or 0.

    Returns:
        n x c x N.
    """
    mask = salient.to(query.dtype)[:, None, :]
    count = mask.sum(2, keepdim=True)
    masked_key = key * mask
    least_key = masked_key.gather(2, least_positions(query, masked_key).expand_as(key))
    mean_key = masked_key.sum(2, keepdim=True) / count.clamp(min=1)
    mean_value = (values * mask).sum(2, keepdim=True) / count.clamp(min=1)
    scale = query.shape[1] ** -0.5
    covariance = ((key - mean_key) * mask * scale) @ ((values - mean_value) * mask).transpose(1, 2)
    excess = count * (query * (mean_key - least_key)).sum(1, keepdim=True) * scale
    inside = (covariance.transpose(1, 2) @ query + excess * mean_value) / (excess + WEIGHT_EPSILON)
    outside = (values * (1 - mask)).sum(2, keepdim=True) / ((1 - mask).sum(2, keepdim=True) + WEIGHT_EPSILON)
    return torch.where(mask > 0, inside, outside)


@torch.no_grad()
def least_positions(query: Tensor, masked_key: Tensor) -> Tensor:
    """For every query the key position with the least score, int64 n x 1 x N; one image's scores exist at a time."""
    rows = [(one.t() @ keys).argmin(1) for one, keys in zip(query, masked_key, strict=True)]
    return torch.stack(rows)[:, None, :]
