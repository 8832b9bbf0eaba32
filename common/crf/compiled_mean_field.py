"""Mean field on compiled lattices, one image on one CPU core (deeplabv2 spec, section 12.1).

A pass over the pixels slices both lattices, forms Q in registers, and splats it into the lattices of the next step at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from common.compiling import compiled
from common.crf.compiled_lattice import CompiledLattice, Floats, Integers
from common.crf.rows import gather, lanes_of, new_row, read, scatter, softmax, write

PIXELS_AT_ONCE = 256


def compiled_mean_field(
    unary: Floats, counts: Floats, kernels: Sequence[tuple[CompiledLattice, float]], iterations: int
) -> Floats:
    """Q after ``iterations`` steps.

    Args:
        unary: float32 [C, N] energies, C-contiguous.
        counts: float32 [C], how many labels of the same energies each row stands for.
        kernels: the position kernel and the position-and-colour kernel, with their weights.

    Returns:
        float32 [C, N].
    """
    n_labels = len(unary)
    lanes = lanes_of(n_labels)
    energies = np.empty((unary.shape[1], len(lanes)), np.float32)
    pixels_first(unary, energies)
    all_counts = np.zeros((1, len(lanes)), np.float32)
    all_counts[0, :n_labels] = counts
    lattices = [lattice for lattice, _ in kernels]
    old, new = ([np.zeros((lattice.n_vertices, len(lanes)), np.float32) for lattice in lattices] for _ in range(2))
    factors = [np.float32(compat * lattice.gain) for lattice, compat in kernels]
    sides = [array for lattice in lattices for array in (lattice.vertices, lattice.weights)]
    for iteration in range(iterations + 1):
        is_last = iteration == iterations
        pass_over_pixels(energies, all_counts, *sides, *old, *factors, *new, iteration == 0, is_last, lanes)
        if not is_last:
            for lattice, before, values in zip(lattices, old, new, strict=True):
                before.fill(0)
                lattice.blur(values, lanes)
            old, new = new, old
    # The last pass has put Q in the energies' place.
    q = np.empty_like(unary)
    labels_first(energies, q)
    return q


@compiled
def pass_over_pixels(
    energies: Floats,
    counts: Floats,
    position_vertices: Integers,
    position_weights: Floats,
    colour_vertices: Integers,
    colour_weights: Floats,
    position_old: Floats,
    colour_old: Floats,
    position_factor: np.float32,
    colour_factor: np.float32,
    position_new: Floats,
    colour_new: Floats,
    is_first: bool,
    is_last: bool,
    lanes: tuple[int, ...],
) -> None:
    """Slice ``old`` (not in the first pass), softmax, splat into ``new``; the last pass writes Q over the energies.

    Args:
        energies: float32 [N, lanes], negated.
        counts: float32 [1, lanes].
        position_vertices, position_weights, colour_vertices, colour_weights: of :class:`CompiledLattice`.
        position_old, colour_old, position_new, colour_new: float32 [n_vertices, lanes] of each lattice.
    """
    row, counts_row = new_row(lanes), new_row(lanes)
    read(counts_row, counts, np.uint32(0), lanes)
    for i in range(len(energies)):
        read(row, energies, np.uint64(i), lanes)
        if not is_first:
            for k in range(3):
                weight = position_weights[i, k] * position_factor
                gather(row, weight, position_old, np.uint32(position_vertices[i, k]), lanes)
            for k in range(6):
                weight = colour_weights[i, k] * colour_factor
                gather(row, weight, colour_old, np.uint32(colour_vertices[i, k]), lanes)
        softmax(row, counts_row, lanes)
        if is_last:
            write(energies, np.uint64(i), row, lanes)
        else:
            for k in range(3):
                scatter(position_new, np.uint32(position_vertices[i, k]), position_weights[i, k], row, lanes)
            for k in range(6):
                scatter(colour_new, np.uint32(colour_vertices[i, k]), colour_weights[i, k], row, lanes)


@compiled
def pixels_first(unary: Floats, energies: Floats) -> None:
    """Negate float32 [C, N] into ``energies`` [N, lanes], minus infinity without a label; by blocks that fit the cache."""
    n_labels, n_pixels = unary.shape
    for start in range(0, n_pixels, PIXELS_AT_ONCE):
        stop = min(start + PIXELS_AT_ONCE, n_pixels)
        for label in range(n_labels):
            for i in range(start, stop):
                energies[i, label] = -unary[label, i]
        for i in range(start, stop):
            for label in range(n_labels, energies.shape[1]):
                energies[i, label] = -np.inf


@compiled
def labels_first(rows: Floats, q: Floats) -> None:
    """Write ``rows`` float32 [N, lanes] to ``q`` [C, N]; lanes without a label are left out."""
    n_labels, n_pixels = q.shape
    for start in range(0, n_pixels, PIXELS_AT_ONCE):
        stop = min(start + PIXELS_AT_ONCE, n_pixels)
        for label in range(n_labels):
            for i in range(start, stop):
                q[label, i] = rows[i, label]
