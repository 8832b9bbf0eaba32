"""The order in which the pixels of an image are visited."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

TILE = 8


@lru_cache(maxsize=8)
def visiting_order(size: tuple[int, int]) -> npt.NDArray[np.int32]:
    """The numbers of the pixels of an image of ``size`` (height, width), row by row, in the order of visits: int32 [N].

    Tile by tile, and the tiles by the bits of both coordinates in turns (Morton's order): at every scale, a square of tiles is
    finished before the next one begins. Pixels near each other share vertices of the lattices, which are then still in the cache.
    """
    rows, columns = (np.arange(length) for length in size)
    tiles = spread(rows // TILE)[:, None] * 2 + spread(columns // TILE)
    codes = (tiles * TILE + (rows % TILE)[:, None]) * TILE + columns % TILE
    # No two codes are equal, so that every method of sorting gives the same order.
    return codes.ravel().argsort().astype(np.int32)


def spread(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """A zero before each bit of the numbers, which are below 2^29."""
    result = numbers.astype(np.int64)
    for shift, mask in (
        (16, 0x0000FFFF0000FFFF),
        (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333),
        (1, 0x5555555555555555),
    ):
        result = (result | (result << shift)) & mask
    return result
