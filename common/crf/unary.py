"""Unary energies float32 [C, H, W] of the dense CRF: the lower, the more likely the label."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from common.data.value_ranges import require_unit_range
from common.errors import ConfigError, DataError

Floats = npt.NDArray[np.float32]

SMALLEST_PROBABILITY = 1e-5
SOFTMAX = "Take the softmax of logits first."


def unary_from_probabilities(probabilities: npt.NDArray[np.floating], smallest: float = SMALLEST_PROBABILITY) -> Floats:
    """-log(clip(p, smallest, 1)), float32 [C, H, W].

    Args:
        probabilities: [C, H, W] in 0..1; need not add up to 1 (maps with a background score do not).

    Raises:
        DataError: NaN or infinite values, or values outside 0..1.
    """
    values = finite(probabilities, "probabilities")
    require_unit_range(values, "the CRF's input", "probabilities", SOFTMAX)
    return -np.log(np.clip(values, np.float32(smallest), np.float32(1)))


def unary_from_labels(
    labels: npt.NDArray[np.integer], n_labels: int, gt_prob: float = 0.7, zero_unsure: bool = False
) -> Floats:
    """-log(gt_prob) at the label and -log((1 - gt_prob) / (n_labels - 1)) at the others; float32 [C, H, W].

    With a single label there is nothing to be unsure about: the energy is -log(gt_prob) everywhere and the CRF returns
    probability 1 (the published code divides by zero).

    Args:
        labels: integers HxW in 0..n_labels-1; with ``zero_unsure`` in 0..n_labels, where 0 means "unknown" (the same
            energy, -log(1 / n_labels), for every label) and k means label k - 1.
        n_labels: C of the result.
        gt_prob: how far the labels are trusted, between 0 and 1.
    """
    if not 0 < gt_prob < 1:
        raise ConfigError(f"gt_prob is {gt_prob}; give a probability between 0 and 1 (the field uses 0.7).")
    if n_labels < 1 or labels.ndim != 2 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{n_labels} labels with a map {labels.dtype} {labels.shape}; expected integers HxW, at least 1."
        )
    largest = n_labels if zero_unsure else n_labels - 1
    if labels.size and not (labels.min() >= 0 and labels.max() <= largest):
        outside = labels[(labels < 0) | (labels > largest)][0]
        raise DataError(f"label {outside} is outside 0..{largest}; the CRF has no energy for it (255 is not allowed).")
    others = -math.log((1 - gt_prob) / (n_labels - 1)) if n_labels > 1 else -math.log(gt_prob)
    # One row of energies per label value, then a look-up.
    energies = np.full((n_labels, n_labels), others, np.float32)
    np.fill_diagonal(energies, -math.log(gt_prob))
    if zero_unsure:
        unsure = np.full((1, n_labels), -math.log(1 / n_labels), np.float32)
        energies = np.concatenate([unsure, energies])
    return np.ascontiguousarray(np.moveaxis(energies[labels], 2, 0))


def unary_from_negated(values: npt.NDArray[np.floating]) -> Floats:
    """-v for values [C, H, W]: SEC, DSRG and SGAN pass log-probabilities in testing, plain probabilities in training."""
    return -finite(values, "values")


def finite(values: npt.NDArray[np.floating], what: str) -> Floats:
    """``values`` [C, H, W] as float32; a :class:`DataError` if they have another shape or are not all finite."""
    if values.ndim != 3:
        raise DataError(f"CRF {what} have shape {values.shape}; expected [labels, height, width].")
    if not np.isfinite(values).all():
        raise DataError(f"CRF {what} hold NaN or infinite numbers; look at the network or maps they come from.")
    return values.astype(np.float32, copy=False)
