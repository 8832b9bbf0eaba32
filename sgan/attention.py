"""Saliency-guided self-attention: each salient cell looks at the salient cells, each other cell at the others.

With queries q, keys k, values x and the salient mask v (1 or 0 per cell), d query channels and N0 non-salient cells, the
published weights are (sgan spec, section 2.1)

    salient i:      a_ij = v_j (s_ij - mu_i) / (sum_j v_j (s_ij - mu_i) + 1e-5),    s_ij = q_i . k_j / sqrt(d),
                    mu_i = min_j v_j s_ij (over all j, so that it is at most 0 where a cell is not salient)
    non-salient i:  (1 - v_j) / (N0 + 1e-5)

and the context is their sum over the values. :func:`salient_context` computes that without ever holding the N x N
weights for the backward pass: they are linear in the scores, so the sum over j can be taken before q_i comes in.
With n salient cells, their mean key k' and value x', and the least key k_m of row i,

    sum_j v_j (s_ij - mu_i) x_j = q_i . C + n delta_i x',     C = sum_j v_j (k_j - k') (x_j - x')^T / sqrt(d),
    sum_j v_j (s_ij - mu_i)     = n delta_i,                  delta_i = q_i . (k' - v_m k_m) / sqrt(d) >= 0.

Only the position m of each row's minimum needs the scores, image by image and without gradient.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sgan.models.normalisers import EPSILON, NORMALISERS


def attention_weights(query: Tensor, key: Tensor, salient: Tensor, normaliser: str = "masked_normalize") -> Tensor:
    """The weights as the published code forms them, to look at or for other normalisers than the linear one.

    Args:
        query: n x d x N.
        key: n x d x N.
        salient: n x N, 1 for salient cells and 0 for others.

    Returns:
        n x N x N, row = query cell; memory grows with N squared.
    """
    salient = salient.to(query.dtype)
    scores = query.transpose(1, 2) @ key / query.shape[1] ** 0.5
    foreground = salient[:, :, None] * salient[:, None, :]
    other = 1 - salient
    background = other[:, :, None] * other[:, None, :] / (other.sum(1)[:, None, None] + EPSILON)
    return NORMALISERS[normaliser](scores, foreground) + background


def dense_context(
    query: Tensor, key: Tensor, values: Tensor, salient: Tensor, normaliser: str = "masked_normalize"
) -> Tensor:
    """Context n x c x N through the N x N weights."""
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
    inside = (covariance.transpose(1, 2) @ query + excess * mean_value) / (excess + EPSILON)
    outside = (values * (1 - mask)).sum(2, keepdim=True) / ((1 - mask).sum(2, keepdim=True) + EPSILON)
    return torch.where(mask > 0, inside, outside)


@torch.no_grad()
def least_positions(query: Tensor, masked_key: Tensor) -> Tensor:
    """For every query cell the key cell with the least score, n x 1 x N; one image's scores exist at a time."""
    rows = [(one.t() @ keys).argmin(1) for one, keys in zip(query, masked_key, strict=True)]
    return torch.stack(rows)[:, None, :]
