"""Chains of vertices that are neighbours along an axis, and the blur along them.

A vertex without neighbours on the axis keeps its value and is in no chain.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from common.compiling import compiled, compiled_part
from common.crf.rows import blur_step, clear, new_row, prefetch, read
from common.crf.vertices import first_slot, slot_of

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int32]
Keys = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# How far ahead along the chains values are fetched: a few hundred nanoseconds.
STEPS_AHEAD = 12


@compiled
def chain_along(keys: Keys, table: Integers, step: int) -> Integers:
    """The chains of at least two vertices, one after the other; the last of a chain is stored as ``~vertex``.

    Args:
        keys, table: of :class:`common.crf.vertices.Numbered`.
        step: difference of the keys of neighbours on the axis.

    Returns:
        int32 [entries + STEPS_AHEAD]; what follows the entries is a vertex that may be fetched.
    """
    following, follows = next_vertices(keys, table, step)
    starts = np.empty(len(keys) + 1, np.int32)
    n_chains = 0
    for vertex in range(len(keys)):
        # Without a branch, which would be guessed wrong half of the time.
        starts[n_chains] = vertex
        n_chains += int((not follows[vertex]) & (following[vertex] >= 0))
    chain = np.zeros(len(keys) + STEPS_AHEAD, np.int32)
    length = 0
    for number in range(n_chains):
        vertex = starts[number]
        while following[vertex] >= 0:
            chain[length] = vertex
            length += 1
            vertex = following[vertex]
        chain[length] = ~vertex
        length += 1
    return chain[: length + STEPS_AHEAD].copy()


@compiled_part
def next_vertices(keys: Keys, table: Integers, step: int) -> tuple[Integers, Flags]:
    """The neighbour of each vertex in the direction of an axis (int32 [M], -1: none), and who is one (bool [M])."""
    following = np.empty(len(keys), np.int32)
    follows = np.zeros(len(keys), np.bool_)
    for vertex in range(len(keys)):
        wanted = keys[vertex] + step
        neighbour = table[slot_of(wanted, keys, table, first_slot(wanted, table))]
        following[vertex] = neighbour
        if neighbour >= 0:
            follows[neighbour] = True
    return following, follows


@compiled_part
def vertex_of(entry: np.int32) -> np.uint32:
    """The vertex of an entry of a chain, whether it ends there or not."""
    return np.uint32(entry ^ (entry >> 31))


@compiled
def blur_along(values: Floats, chain: Integers, lanes: tuple[int, ...]) -> None:
    """Weights 1/2, 1, 1/2 along the chains of one axis, in place; ``values`` float32 [n_vertices, lanes]."""
    before, own = new_row(lanes), new_row(lanes)
    entry = chain[0]
    vertex = vertex_of(entry)
    clear(before, lanes)
    read(own, values, vertex, lanes)
    for place in range(len(chain) - STEPS_AHEAD):
        prefetch(values, vertex_of(chain[place + STEPS_AHEAD]), lanes)
        following = chain[place + 1]
        behind = vertex_of(following)
        blur_step(values, vertex, behind, np.int32(~(entry >> 31)), before, own, lanes)
        entry, vertex = following, behind


@compiled
def blur_sums_along(sums: Floats, chain: Integers) -> None:
    """As :func:`blur_along`, of one number per vertex, float32 [n_vertices]."""
    before, own = np.float32(0), sums[vertex_of(chain[0])]
    for place in range(len(chain) - STEPS_AHEAD):
        following = sums[vertex_of(chain[place + 1])]
        linked = np.float32(chain[place] >= 0)
        sums[vertex_of(chain[place])] = own + np.float32(0.5) * (before + linked * following)
        before, own = linked * own, following
