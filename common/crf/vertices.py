"""Numbers for the vertices of a lattice, in the order the positions meet them, and a table that finds them by their keys."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from common.compiling import compiled, compiled_part
from common.crf.rows import prefetch_element
from common.crf.simplices import POSITIONS_AT_ONCE, elevate_block, key_block, rank_block, weigh_block

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int32]
Keys = npt.NDArray[np.int64]


class Numbered(NamedTuple):
    """The simplices of N positions by the numbers of their vertices.

    Attributes:
        vertices: int32 [N, d + 1], by remainder.
        weights: float32 [N, d + 1], the barycentric coordinates.
        met: int32 [blocks + 1], how many vertices were met before each block of positions, and in all.
        keys: int64 [M], of the vertices.
        table: int32 [2^n], of the vertices; see :func:`slot_of`.
    """

    vertices: Integers
    weights: Floats
    met: Integers
    keys: Keys
    table: Integers


def number_vertices(features: Floats, scales: Floats, strides: Keys, low: Keys) -> Numbered:
    """Number the vertices of positions float32 [d, N].

    Args:
        scales: float32 [d], of :func:`common.crf.permutohedral.scales`.
        strides, low: int64 [d + 1] and [d], of :class:`common.crf.permutohedral.KeyLayout`.
    """
    n_positions, size = features.shape[1], len(features) + 1
    vertices, weights = np.empty((n_positions, size), np.int32), np.empty((n_positions, size), np.float32)
    met = np.zeros(-(-n_positions // POSITIONS_AT_ONCE) + 1, np.int32)
    # Photographs have fewer vertices than pixels: as a rule the table need not grow.
    table = np.full(max(1 << 10, 1 << (2 * n_positions - 1).bit_length()), -1, np.int32)
    shape = (size, POSITIONS_AT_ONCE)
    floats, integers, numbers = (
        np.zeros((count, *shape), kind) for count, kind in ((3, np.float32), (2, np.int32), (2, np.int64))
    )
    total, excess = np.zeros(POSITIONS_AT_ONCE, np.float32), np.zeros(POSITIONS_AT_ONCE, np.int32)
    room = Room(floats[0], floats[1], floats[2], integers[0], integers[1], numbers[0], numbers[1], total, excess)
    keys, table = number_blocks(features, scales, strides, low, room, vertices, weights, met, table)
    return Numbered(vertices, weights, met, keys, table)


class Room(NamedTuple):
    """What a block of positions is computed in: [d + 1, B] each, the last two [B]."""

    elevated: Floats
    behind: Floats
    by_rank: Floats
    origins: Integers
    ranks: Integers
    keys: Keys
    slots: Keys
    total: Floats
    excess: Integers


@compiled
def number_blocks(
    features: Floats,
    scales: Floats,
    strides: Keys,
    low: Keys,
    room: Room,
    vertices: Integers,
    weights: Floats,
    met: Integers,
    table: Integers,
) -> tuple[Keys, Integers]:
    """As :func:`number_vertices`, into ``vertices``, ``weights`` and ``met``; gives the keys and the table, which may have grown."""
    n_positions, size = vertices.shape
    elevated, behind, by_rank, origins, ranks, block_keys, slots, total, excess = room
    keys = np.empty(len(table) // 2, np.int64)
    n_vertices = 0
    for block in range(len(met) - 1):
        start = block * POSITIONS_AT_ONCE
        count = min(POSITIONS_AT_ONCE, n_positions - start)
        elevate_block(features, start, scales, elevated, total, count)
        rank_block(elevated, origins, ranks, behind, excess)
        weigh_block(elevated, origins, ranks, by_rank)
        key_block(origins, ranks, strides, low, block_keys)
        while n_vertices + size * count > len(keys):
            keys, table = enlarged(keys[:n_vertices], table)
        # The slots of a whole block are fetched from memory side by side.
        for k in range(size):
            for i in range(count):
                slots[k, i] = first_slot(block_keys[k, i], table)
                prefetch_element(table, slots[k, i])
        for i in range(count):
            weights[start + i, 0] = by_rank[size - 1, i] + (np.float32(1) - by_rank[0, i])
            for k in range(1, size):
                weights[start + i, k] = by_rank[size - 1 - k, i] - by_rank[size - k, i]
            for k in range(size):
                slot = slot_of(block_keys[k, i], keys, table, slots[k, i])
                if table[slot] < 0:
                    table[slot] = n_vertices
                    keys[n_vertices] = block_keys[k, i]
                    n_vertices += 1
                vertices[start + i, k] = table[slot]
        met[block + 1] = n_vertices
    return keys[:n_vertices], table


@compiled_part
def first_slot(key: np.int64, table: Integers) -> np.int64:
    """Where the search for ``key`` begins."""
    return (((key ^ (key >> 17)) * 2654435761) >> 7) & (len(table) - 1)


@compiled_part
def slot_of(key: np.int64, keys: Keys, table: Integers, slot: np.int64) -> np.int64:
    """Where the table (int32 [2^n], -1 is free) holds the number of ``key`` in ``keys`` (int64 [M]), or would hold it.

    Args:
        slot: the first one, of :func:`first_slot`.
    """
    while table[slot] >= 0 and keys[table[slot]] != key:
        slot = (slot + 1) & (len(table) - 1)
    return slot


@compiled_part
def enlarged(keys: Keys, table: Integers) -> tuple[Keys, Integers]:
    """Room for twice as many keys, which begins with ``keys`` (int64 [M]), and a table (int32 [2^n]) of them."""
    more_keys = np.empty(len(table), np.int64)
    more_table = np.empty(2 * len(table), np.int32)
    more_table[:] = -1
    for vertex in range(len(keys)):
        key = more_keys[vertex] = keys[vertex]
        more_table[slot_of(key, more_keys, more_table, first_slot(key, more_table))] = vertex
    return more_keys, more_table
