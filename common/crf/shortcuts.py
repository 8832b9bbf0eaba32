"""Fewer labels with the same result, and one approximation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.crf.row_vectors import SMALLEST_EXPONENT

Floats = npt.NDArray[np.float32]

# How far rounding may move a score; much less in truth.
ROUNDING = 1.0


@dataclass(frozen=True)
class ReducedLabels:
    """The labels that are computed, and how those stand for all.

    Attributes:
        unary: float32 [R, N], the energies of the representatives.
        counts: float32 [R], how many labels each stands for.
        source: int64 [C], the representative of each label; -1 for those whose probability is zero.
    """

    unary: Floats
    counts: Floats
    source: npt.NDArray[np.int64]

    def restore(self, q: Floats) -> Floats:
        """All probabilities, float32 [C, N], of those of the representatives [R, N]."""
        if len(q) == len(self.source):
            return q
        restored = q[self.source]
        restored[self.source < 0] = 0
        return restored

    def then(self, further: ReducedLabels) -> ReducedLabels:
        """The labels that ``further``, a reduction of these, leaves; each of these must stand for one label only."""
        source = np.where(self.source < 0, -1, further.source[self.source])
        return ReducedLabels(further.unary, further.counts, source)


def all_labels(unary: Floats) -> ReducedLabels:
    """No shortcut: each label of energies float32 [C, N] stands for itself."""
    return ReducedLabels(unary, np.ones(len(unary), np.float32), np.arange(len(unary)))


def merge_equal_labels(unary: Floats) -> ReducedLabels:
    """Labels with the same energy in every pixel have the same Q: one of them is computed.

    Exact. It happens wherever labels are absent: all absent ones of a map of hard labels, and all whose probability is below
    the smallest of the unary in the whole image.

    Args:
        unary: float32 [C, N].
    """
    # Few pixels tell almost all labels apart; only what they leave is compared in full.
    sample = np.ascontiguousarray(unary[:, :: max(1, unary.shape[1] // 64)])
    source = np.zeros(len(unary), np.int64)
    representatives: list[int] = []
    for label in range(len(unary)):
        for place, other in enumerate(representatives):
            if np.array_equal(sample[label], sample[other]) and np.array_equal(unary[label], unary[other]):
                source[label] = place
                break
        else:
            source[label] = len(representatives)
            representatives.append(label)
    if len(representatives) == len(unary):
        return all_labels(unary)
    counts = np.bincount(source).astype(np.float32)
    return ReducedLabels(unary[representatives], counts, source)


def could_be_hopeless(unary: Floats) -> bool:
    """Whether :func:`leave_out_hopeless_labels` may find any: whether energies float32 [C, N] reach far enough apart."""
    if unary.max() - unary.min() <= -SMALLEST_EXPONENT:
        return False
    return bool((unary - unary.min(axis=0)).min(axis=1).max() > -SMALLEST_EXPONENT)


def leave_out_hopeless_labels(unary: Floats, support: Floats) -> ReducedLabels:
    """Leave out labels whose Q is zero in every pixel after every step, because exp(score) is too small for float32.

    Exact: the score of a label is at most ``support`` above its negated energy, that of the best one at least its own.

    Args:
        unary: float32 [C, N].
        support: float32 [N], the largest sum of the kernels' contributions, for Q = 1 in all pixels.
    """
    kept = (unary - support - unary.min(axis=0)).min(axis=1) <= -SMALLEST_EXPONENT + ROUNDING
    return keep(unary, kept)


def leave_out_unlikely_labels(unary: Floats, smallest: float) -> ReducedLabels:
    """Leave out labels whose probability, the softmax of the negated energies, is below ``smallest`` in every pixel.

    An approximation: such a label may still win where the kernels support it, and its share changes the others'.

    Args:
        unary: float32 [C, N].
        smallest: 0..1.
    """
    exponentials = np.exp(unary.min(axis=0) - unary)
    kept = (exponentials / exponentials.sum(axis=0)).max(axis=1) >= smallest
    # The likeliest label of some pixel stays whatever ``smallest`` is.
    kept[unary[:, 0].argmin()] = True
    return keep(unary, kept)


def keep(unary: Floats, kept: npt.NDArray[np.bool_]) -> ReducedLabels:
    """The labels ``kept`` (bool [C]) of energies float32 [C, N]; the others get probability 0."""
    if kept.all():
        return all_labels(unary)
    source = np.where(kept, np.cumsum(kept) - 1, -1)
    return ReducedLabels(unary[kept], np.ones(int(kept.sum()), np.float32), source)
