"""Mean field on compiled lattices, one image on one CPU core (deeplabv2 spec, section 12.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from common.compiling import compiled
from common.crf.compiled_lattice import CompiledLattice, Floats, Integers
from common.crf.pixel_pass import pass_over_pixels
from common.crf.row_vectors import lanes_of, lanes_of_softmax
from common.crf.simplices import POSITIONS_AT_ONCE


def compiled_mean_field(
    unary: Floats,
    counts: Floats,
    kernels: Sequence[tuple[CompiledLattice, float]],
    iterations: int,
    order: Integers,
) -> Floats:
    """Q after ``iterations`` steps.

    Args:
        unary: float32 [C, N] energies, C-contiguous.
        counts: float32 [C], how many labels of the same energies each row stands for.
        kernels: the position kernel and the position-and-colour kernel, with their weights.
        order: int32 [N], the pixels in the order of the lattices' positions.

    Returns:
        float32 [C, N].
    """
    n_labels = len(unary)
    lanes = lanes_of(n_labels)
    energies = np.empty((unary.shape[1], len(lanes)), np.float32)
    pixels_first(unary.reshape(-1), order, energies.reshape(-1))
    softmax_lanes = lanes_of_softmax(lanes)
    all_counts = np.zeros((len(softmax_lanes) // len(lanes), len(lanes)), np.float32)
    all_counts[:, :n_labels] = counts
    lattices = [lattice for lattice, _ in kernels]
    factors = [np.float32(compat * lattice.gain) for lattice, compat in kernels]
    old, new = ([np.empty((lattice.n_vertices, len(lanes)), np.float32) for lattice in lattices] for _ in range(2))
    for iteration in range(iterations + 1):
        is_last = iteration == iterations
        sides = [
            (*lattice.by_corners(), factor, before, after, (0,) * lattice.vertices.shape[1])
            for lattice, factor, before, after in zip(lattices, factors, old, new, strict=True)
        ]
        pass_over_pixels(energies, all_counts.reshape(1, -1), *sides, iteration == 0, is_last, lanes, softmax_lanes)
        if not is_last:
            for lattice, values in zip(lattices, new, strict=True):
                lattice.blur(values, lanes)
            old, new = new, old
    # The last pass has put Q in the energies' place.
    q = np.empty_like(unary)
    labels_first(energies.reshape(-1), order, q.reshape(-1))
    return q


@compiled
def pixels_first(unary: Floats, order: Integers, energies: Floats) -> None:
    """Negate ``unary`` float32 [C N] into ``energies`` [N lanes], minus infinity without a label; row i is pixel ``order[i]``."""
    n_pixels = len(order)
    n_labels, n_lanes = len(unary) // n_pixels, len(energies) // n_pixels
    for i in range(n_pixels):
        # Numbers without a sign, which need not be looked at for being negative.
        first, pixel = np.uint64(i * n_lanes), np.uint64(order[i])
        for label in range(n_labels):
            energies[first + np.uint64(label)] = -unary[pixel + np.uint64(label * n_pixels)]
        for label in range(n_labels, n_lanes):
            energies[first + np.uint64(label)] = -np.inf


@compiled
def labels_first(rows: Floats, order: Integers, q: Floats) -> None:
    """Write ``rows`` float32 [N lanes] to ``q`` [C N], row i to pixel ``order[i]``; lanes without a label are left out.

    By blocks whose rows fit the first cache.
    """
    n_pixels = len(order)
    n_labels, n_lanes = len(q) // n_pixels, len(rows) // n_pixels
    for start in range(0, n_pixels, POSITIONS_AT_ONCE):
        stop = min(start + POSITIONS_AT_ONCE, n_pixels)
        for label in range(n_labels):
            for i in range(start, stop):
                q[np.uint64(label * n_pixels + order[i])] = rows[np.uint64(i * n_lanes + label)]
