"""The permutohedral lattice of :mod:`common.crf.permutohedral`, compiled for one CPU core.

Same simplices, vertices and weights; the arithmetic that decides which vertices exist is float32 in the same order. Two
things differ, in speed alone. Vertices are numbered as the pixels meet them, so that neighbouring pixels share cached memory. And
the blur along an axis runs along chains of vertices that are neighbours on it, in place: a vertex without neighbours keeps its
value and is not touched.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.compiling import compiled
from common.crf.permutohedral import KeyLayout, scales
from common.crf.rows import clear, copy, new_row, prefetch, read, write_blurred

# How far ahead along the chains values are fetched: a few hundred nanoseconds.
STEPS_AHEAD = 12

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int32]
Keys = npt.NDArray[np.int64]
Ranks = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class CompiledLattice:
    """Kernel n_i k(i, j) n_j of N positions in d dimensions.

    Attributes:
        vertices: int32 [N, d + 1], the vertices of the simplex around each position.
        weights: float32 [N, d + 1], their barycentric coordinates times n_i.
        chains: per axis, the vertices with neighbours on it, chain after chain; the last of a chain is stored as ``~vertex``.
        n_vertices: how many there are.
        gain: factor of the sliced values, which undoes the growth of the sum by the blur.
    """

    vertices: Integers
    weights: Floats
    chains: tuple[Integers, ...]
    n_vertices: int
    gain: float

    def blur(self, values: Floats, lanes: tuple[int, ...]) -> None:
        """Blur float32 [n_vertices, lanes] in place."""
        for chain in self.chains:
            blur_along(values, chain, lanes)


def build_compiled_lattice(features: Floats, layout: KeyLayout, n_empty: int = 0) -> CompiledLattice:
    """The normalised lattice of N positions.

    Args:
        features: float32 [N + n_empty, d], in standard deviations, C-contiguous.
        layout: :func:`common.crf.permutohedral.key_layout` for the range of the features.
        n_empty: how many of the last positions hold no value; they only add their vertices to the lattice.
    """
    n_positions, n_dimensions = len(features) - n_empty, features.shape[1]
    origins, ranks, weights = simplices(features, np.array(scales(n_dimensions), np.float32))
    strides, low = np.array(layout.strides, np.int64), np.array(layout.low, np.int64)
    vertices, keys, table = number_vertices(origins, ranks, strides, low)
    chains = tuple(chain_of(*next_vertices(keys, table, step)) for step in layout.steps)
    gain = 1 / (1 + 2.0**-n_dimensions)
    lattice = CompiledLattice(vertices[:n_positions], weights[:n_positions], chains, len(keys), gain)
    multiply(lattice.weights, np.float32(1) / np.sqrt(support(lattice) + np.float32(1e-20)))
    return lattice


def support(lattice: CompiledLattice) -> Floats:
    """The filtered values of ones, float32 [N]."""
    lanes = (0,) * 4
    ones = np.zeros((lattice.n_vertices, len(lanes)), np.float32)
    splat_ones(lattice.vertices, lattice.weights, ones)
    lattice.blur(ones, lanes)
    return slice_first(lattice.vertices, lattice.weights, ones, np.float32(lattice.gain))


@compiled
def simplices(features: Floats, scales: Floats) -> tuple[Integers, Ranks, Floats]:
    """As :func:`common.crf.permutohedral.enclosing_simplex`, of features float32 [N, d] that are not elevated yet.

    Returns:
        [N, d + 1] each: origin int32, rank int8, weights float32.
    """
    n_positions, n_dimensions = features.shape
    size = n_dimensions + 1
    origins = np.empty((n_positions, size), np.int32)
    ranks = np.empty((n_positions, size), np.int8)
    weights = np.empty((n_positions, size), np.float32)
    inverse = np.float32(1.0 / size)
    elevated, behind, by_rank = np.empty(size, np.float32), np.empty(size, np.float32), np.empty(size, np.float32)
    rank = np.empty(size, np.int64)
    for i in range(n_positions):
        total = np.float32(0)
        for axis in range(n_dimensions, 0, -1):
            scaled = features[i, axis - 1] * scales[axis - 1]
            elevated[axis] = total - np.float32(axis) * scaled
            total = total + scaled
        elevated[0] = total
        excess = 0
        for k in range(size):
            multiple = int(np.rint(elevated[k] * inverse))
            excess += multiple
            origins[i, k] = multiple * size
            behind[k] = elevated[k] - np.float32(multiple * size)
            rank[k] = 0
        for first in range(size):
            for second in range(first + 1, size):
                if behind[first] < behind[second]:
                    rank[first] += 1
                else:
                    rank[second] += 1
        for k in range(size):
            place = rank[k] + excess
            # Coordinates rounded to multiples of d + 1 need not have sum zero: those with the largest rounding move on.
            if place < 0:
                place += size
                origins[i, k] += size
            elif place >= size:
                place -= size
                origins[i, k] -= size
            ranks[i, k] = place
            by_rank[place] = (elevated[k] - np.float32(origins[i, k])) * inverse
        weights[i, 0] = by_rank[n_dimensions] + (np.float32(1) - by_rank[0])
        for k in range(1, size):
            weights[i, k] = by_rank[n_dimensions - k] - by_rank[n_dimensions - k + 1]
    return origins, ranks, weights


@compiled
def slot_of(key: np.int64, keys: Keys, table: Integers) -> np.int64:
    """Where the table (int32 [2^n], -1 is free) holds the number of ``key`` in ``keys`` (int64 [M]), or would hold it."""
    mask = len(table) - 1
    slot = (((key ^ (key >> 17)) * 2654435761) >> 7) & mask
    while table[slot] >= 0 and keys[table[slot]] != key:
        slot = (slot + 1) & mask
    return slot


@compiled
def number_vertices(origins: Integers, ranks: Ranks, strides: Keys, low: Keys) -> tuple[Integers, Keys, Integers]:
    """Vertices int32 [N, d + 1] in the order the positions meet them, their keys int64 [M], and a table of them."""
    n_positions, size = origins.shape
    vertices = np.empty((n_positions, size), np.int32)
    table = np.full(1 << 12, -1, np.int32)
    keys = np.empty(len(table) // 2, np.int64)
    n_vertices = 0
    strides_total = strides.sum()
    steps_by_rank = np.empty(size, np.int64)
    # Neighbouring pixels often share a simplex; no key is negative.
    last_keys, last_vertices = np.full(size, -1, np.int64), np.zeros(size, np.int32)
    for i in range(n_positions):
        key = np.int64(0)
        for k in range(size):
            if k < size - 1:
                key += (origins[i, k] - low[k]) * strides[k]
            steps_by_rank[ranks[i, k]] = size * strides[k] - strides_total
        for k in range(size):
            if k > 0:
                key -= steps_by_rank[size - k]
            if last_keys[k] != key:
                slot = slot_of(key, keys, table)
                if table[slot] < 0:
                    if n_vertices == len(keys):
                        keys, table = enlarged(keys, table)
                        slot = slot_of(key, keys, table)
                    table[slot] = n_vertices
                    keys[n_vertices] = key
                    n_vertices += 1
                last_keys[k], last_vertices[k] = key, table[slot]
            vertices[i, k] = last_vertices[k]
    return vertices, keys[:n_vertices], table


@compiled
def enlarged(keys: Keys, table: Integers) -> tuple[Keys, Integers]:
    """The keys (int64 [2 M]) and table (int32 [2^n]) with twice the room; the table stays at most half full."""
    more_keys = np.empty(2 * len(keys), np.int64)
    more_keys[: len(keys)] = keys
    more_table = np.full(2 * len(table), -1, np.int32)
    for vertex in range(len(keys)):
        more_table[slot_of(keys[vertex], more_keys, more_table)] = vertex
    return more_keys, more_table


@compiled
def next_vertices(keys: Keys, table: Integers, step: int) -> tuple[Integers, Flags]:
    """The neighbour of each vertex in the direction of an axis (int32 [M], -1: none), and who is one (bool [M])."""
    following = np.empty(len(keys), np.int32)
    follows = np.zeros(len(keys), np.bool_)
    for vertex in range(len(keys)):
        neighbour = table[slot_of(keys[vertex] + step, keys, table)]
        following[vertex] = neighbour
        if neighbour >= 0:
            follows[neighbour] = True
    return following, follows


@compiled
def chain_of(following: Integers, follows: Flags) -> Integers:
    """The chains of at least two vertices, int32 as in :class:`CompiledLattice`, of :func:`next_vertices`' results [M]."""
    chain = np.empty(len(following), np.int32)
    length = 0
    for start in range(len(following)):
        if follows[start] or following[start] < 0:
            continue
        vertex = np.int32(start)
        while following[vertex] >= 0:
            chain[length] = vertex
            length += 1
            vertex = following[vertex]
        chain[length] = ~vertex
        length += 1
    return chain[:length].copy()


@compiled
def blur_along(values: Floats, chain: Integers, lanes: tuple[int, ...]) -> None:
    """Weights 1/2, 1, 1/2 along the chains of one axis, in place; ``values`` float32 [n_vertices, lanes]."""
    before, own, behind = new_row(lanes), new_row(lanes), new_row(lanes)
    starts = True
    for place in range(len(chain)):
        ahead = chain[min(place + STEPS_AHEAD, len(chain) - 1)]
        prefetch(values, np.uint32(~ahead if ahead < 0 else ahead), lanes)
        vertex = chain[place]
        if starts:
            clear(before, lanes)
            read(own, values, np.uint32(vertex), lanes)
        starts = vertex < 0
        if starts:
            clear(behind, lanes)
            vertex = ~vertex
        else:
            after = chain[place + 1]
            read(behind, values, np.uint32(~after if after < 0 else after), lanes)
        write_blurred(values, np.uint32(vertex), before, own, behind, lanes)
        copy(before, own, lanes)
        copy(own, behind, lanes)


@compiled
def splat_ones(vertices: Integers, weights: Floats, values: Floats) -> None:
    """Add the weights [N, d + 1] of each vertex to the first lane of ``values`` float32 [n_vertices, lanes]."""
    for i in range(len(vertices)):
        for k in range(vertices.shape[1]):
            values[vertices[i, k], 0] += weights[i, k]


@compiled
def slice_first(vertices: Integers, weights: Floats, values: Floats, gain: np.float32) -> Floats:
    """The first lane of ``values`` float32 [n_vertices, lanes], times ``gain``, read at the N positions: float32 [N]."""
    sliced = np.zeros(len(vertices), np.float32)
    for i in range(len(vertices)):
        for k in range(vertices.shape[1]):
            sliced[i] += gain * weights[i, k] * values[vertices[i, k], 0]
    return sliced


@compiled
def multiply(weights: Floats, factors: Floats) -> None:
    """Multiply float32 ``weights`` [N, d + 1] by ``factors`` [N], in place."""
    for i in range(len(weights)):
        for k in range(weights.shape[1]):
            weights[i, k] *= factors[i]
