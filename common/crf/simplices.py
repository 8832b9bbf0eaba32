"""The simplex around each position, for :mod:`common.crf.compiled_lattice`: blocks of positions, coordinate by coordinate.

The arithmetic is that of :func:`common.crf.permutohedral.enclosing_simplex`, float32 in the same order. Each inner loop does
one thing to a block of positions without a branch, so that the compiler makes vector instructions of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from common.compiling import compiled_part

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int32]
Keys = npt.NDArray[np.int64]

# A block's coordinates stay in the first cache.
POSITIONS_AT_ONCE = 64


@compiled_part
def elevate_block(features: Floats, start: int, scales: Floats, elevated: Floats, total: Floats, count: int) -> None:
    """``count`` positions of ``features`` float32 [d, N], from ``start`` on, in the coordinates of the lattice, float32 [d + 1, B].

    ``total`` is room for float32 [B].
    """
    n_dimensions = len(features)
    total[:] = 0
    for axis in range(n_dimensions, 0, -1):
        source, scale, target = features[axis - 1, start : start + count], scales[axis - 1], elevated[axis]
        factor = np.float32(axis)
        for i in range(count):
            scaled = source[i] * scale
            target[i] = total[i] - factor * scaled
            total[i] = total[i] + scaled
    for i in range(count):
        elevated[0, i] = total[i]


@compiled_part
def rank_block(elevated: Floats, origins: Integers, ranks: Integers, behind: Floats, excess: Integers) -> None:
    """The vertex of remainder zero and the ranks, int32 [d + 1, B], of ``elevated`` float32 [d + 1, B].

    ``behind`` and ``excess`` are room for float32 [d + 1, B] and int32 [B].
    """
    size, count = elevated.shape
    inverse, whole = np.float32(1.0 / size), np.float32(size)
    excess[:] = 0
    for k in range(size):
        source, target, origin = elevated[k], behind[k], origins[k]
        for i in range(count):
            multiple = np.rint(source[i] * inverse)
            target[i] = source[i] - multiple * whole
            excess[i] += np.int32(multiple)
            origin[i] = np.int32(multiple) * np.int32(size)
        ranks[k] = 0
    for first in range(size):
        for second in range(first + 1, size):
            a, b, rank_a, rank_b = behind[first], behind[second], ranks[first], ranks[second]
            for i in range(count):
                is_less = np.int32(a[i] < b[i])
                rank_a[i] += is_less
                rank_b[i] += np.int32(1) - is_less
    for k in range(size):
        rank, origin = ranks[k], origins[k]
        for i in range(count):
            place = rank[i] + excess[i]
            # Coordinates rounded to multiples of d + 1 need not have sum zero: those with the largest rounding move on.
            carry = (np.int32(place < 0) - np.int32(place >= size)) * np.int32(size)
            rank[i] = place + carry
            origin[i] += carry


@compiled_part
def weigh_block(elevated: Floats, origins: Integers, ranks: Integers, by_rank: Floats) -> None:
    """The distances from the vertex of remainder zero by rank, float32 [d + 1, B], in units of d + 1."""
    size, count = elevated.shape
    inverse = np.float32(1.0 / size)
    by_rank[:] = 0
    for k in range(size):
        source, origin, rank = elevated[k], origins[k], ranks[k]
        for place in range(size):
            target = by_rank[place]
            for i in range(count):
                distance = (source[i] - np.float32(origin[i])) * inverse
                target[i] = distance if rank[i] == place else target[i]


@compiled_part
def key_block(origins: Integers, ranks: Integers, strides: Keys, low: Keys, keys: Keys) -> None:
    """The keys of the vertices by remainder, int64 [d + 1, B], as :func:`common.crf.permutohedral.vertex_keys`."""
    size, count = keys.shape
    strides_total = np.int64(0)
    for stride in strides:
        strides_total += stride
    keys[:] = 0
    first = keys[0]
    for axis in range(size - 1):
        origin, stride, lowest = origins[axis], strides[axis], low[axis]
        for i in range(count):
            first[i] += (np.int64(origin[i]) - lowest) * stride
    for k in range(1, size):
        before, target = keys[k - 1], keys[k]
        # From remainder to remainder the vertices step back along the axes, the one with the smallest distance first.
        for axis in range(size - 1):
            rank, step = ranks[axis], size * strides[axis]
            for i in range(count):
                target[i] -= step if rank[i] == size - k else 0
        for i in range(count):
            target[i] += before[i] + strides_total
