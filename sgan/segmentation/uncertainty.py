"""How unsure a network is, cell by cell, for pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def entropy_bits(probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Entropy over C of probabilities C x H x W (above 0), H x W in bits: 0 .. log2(C)."""
    bits: npt.NDArray[np.float32] = -(probabilities * np.log2(probabilities)).sum(0)
    return bits
