"""One pass over the pixels of an image: from the values on the vertices to Q, and on to the vertices of the next step.

Each block of pixels is sliced, turned into Q and splatted before the next one, so that its scores and many of its vertices stay
in the cache. The passes of an image differ in what they leave out: before the first one there is nothing to slice, and the last
one splats nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from common.compiling import compiled, compiled_part
from common.crf.rows import add, clear, gather, new_row, prefetch, read, scatter, softmax, write
from common.crf.simplices import POSITIONS_AT_ONCE

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int32]
Lanes = tuple[int, ...]

# Rows of fewer lanes are in the cache often enough; fetching them would take longer than it saves.
LANES_TO_FETCH, PIXELS_AHEAD = 16, 12

# Of each lattice: vertices int32 and weights float32, both [N corners]; ``met`` of CompiledLattice; the factor of its values;
# the values before and after the pass, float32 [n_vertices, lanes], where those after it may hold anything before it; and a tuple
# as long as a simplex has corners.
Side = tuple[Integers, Floats, Integers, np.float32, Floats, Floats, tuple[int, ...]]


@compiled
def pass_over_pixels(
    energies: Floats,
    counts: Floats,
    position: Side,
    colour: Side,
    is_first: bool,
    is_last: bool,
    lanes: Lanes,
    softmax_lanes: Lanes,
) -> None:
    """Slice (not in the first pass), softmax, splat; the last pass writes Q over the energies instead.

    Args:
        energies: float32 [N, lanes], negated.
        counts: float32 [1, softmax_lanes].
        softmax_lanes: of :func:`common.crf.row_vectors.lanes_of_softmax`.
    """
    counts_row = new_row(softmax_lanes)
    read(counts_row, counts, np.uint32(0), softmax_lanes)
    rows = np.zeros((POSITIONS_AT_ONCE, len(lanes)), np.float32)
    vectors = rows.reshape((-1, len(softmax_lanes)))
    for start in range(0, len(energies), POSITIONS_AT_ONCE):
        stop = min(start + POSITIONS_AT_ONCE, len(energies))
        if is_first:
            for i in range(start, stop):
                copy_row(rows, i - start, energies, i, lanes)
        else:
            slice_block(energies, start, stop, position, colour, rows, lanes)
        for i in range(len(vectors)):
            softmax(vectors, np.uint64(i), counts_row, lanes, softmax_lanes)
        if is_last:
            for i in range(start, stop):
                copy_row(energies, i, rows, i - start, lanes)
        else:
            clear_met(position, start // POSITIONS_AT_ONCE)
            clear_met(colour, start // POSITIONS_AT_ONCE)
            splat_block(rows, start, stop, position, colour, lanes)


@compiled_part
def slice_block(
    energies: Floats, start: int, stop: int, position: Side, colour: Side, rows: Floats, lanes: Lanes
) -> None:
    """The scores of the pixels ``start`` .. ``stop``: energies plus what both kernels bring, into ``rows`` [B, lanes]."""
    row = new_row(lanes)
    for i in range(start, stop):
        ahead = np.uint64(min(i + PIXELS_AHEAD, len(energies) - 1))
        fetch(position, position[4], ahead, lanes)
        fetch(colour, colour[4], ahead, lanes)
        read(row, energies, np.uint64(i), lanes)
        add_sliced(row, position, np.uint64(i), lanes)
        add_sliced(row, colour, np.uint64(i), lanes)
        write(rows, np.uint64(i - start), row, lanes)


@compiled_part
def splat_block(rows: Floats, start: int, stop: int, position: Side, colour: Side, lanes: Lanes) -> None:
    """Add Q of the pixels ``start`` .. ``stop``, ``rows`` [B, lanes], to the vertices of both lattices."""
    row = new_row(lanes)
    last = len(position[0]) // len(position[6]) - 1
    for i in range(start, stop):
        ahead = np.uint64(min(i + PIXELS_AHEAD, last))
        fetch(position, position[5], ahead, lanes)
        fetch(colour, colour[5], ahead, lanes)
        read(row, rows, np.uint64(i - start), lanes)
        splat(row, position, np.uint64(i), lanes)
        splat(row, colour, np.uint64(i), lanes)


@compiled_part
def copy_row(target: Floats, place: int, source: Floats, other_place: int, lanes: Lanes) -> None:
    """target[place] = source[other_place], both [rows, lanes]."""
    row = new_row(lanes)
    read(row, source, np.uint64(other_place), lanes)
    write(target, np.uint64(place), row, lanes)


@compiled_part
def add_sliced(row: Any, side: Side, pixel: np.uint64, lanes: Lanes) -> None:
    """row += factor * the values at a pixel."""
    vertices, weights, _, factor, values, _, corners = side
    sliced = new_row(lanes)
    clear(sliced, lanes)
    first = pixel * np.uint64(len(corners))
    for k in range(len(corners)):
        corner = first + np.uint64(k)
        gather(sliced, weights[corner], values, np.uint32(vertices[corner]), lanes)
    add(row, factor, sliced, lanes)


@compiled_part
def splat(row: Any, side: Side, pixel: np.uint64, lanes: Lanes) -> None:
    """Add the row of a pixel to its vertices."""
    vertices, weights, _, _, _, values, corners = side
    first = pixel * np.uint64(len(corners))
    for k in range(len(corners)):
        corner = first + np.uint64(k)
        scatter(values, np.uint32(vertices[corner]), weights[corner], row, lanes)


@compiled_part
def fetch(side: Side, values: Floats, pixel: np.uint64, lanes: Lanes) -> None:
    """Fetch the rows of a pixel's vertices."""
    if len(lanes) >= LANES_TO_FETCH:
        vertices, corners = side[0], side[6]
        first = pixel * np.uint64(len(corners))
        for k in range(len(corners)):
            prefetch(values, np.uint32(vertices[first + np.uint64(k)]), lanes)


@compiled_part
def clear_met(side: Side, block: int) -> None:
    """Clear the vertices that a block of pixels meets first, which lie together: just before they are needed."""
    met, values = side[2], side[5]
    values[met[block] : met[block + 1]] = 0
