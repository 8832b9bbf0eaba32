"""Mean field on the CPU: compiled lattices, one image per core, lattices and labels shared where that changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from common.cores import map_on_cores
from common.crf.compiled_lattice import CompiledLattice, build_compiled_lattice, support
from common.crf.compiled_mean_field import compiled_mean_field
from common.crf.features import colour_layout, n_empty_of, position_features, position_layout
from common.crf.presets import CrfSettings
from common.crf.shortcuts import (
    ReducedLabels,
    all_labels,
    could_be_hopeless,
    leave_out_hopeless_labels,
    leave_out_unlikely_labels,
    merge_equal_labels,
)

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int32]
Image = npt.NDArray[np.uint8]

# Pixels are visited in squares of this side.
TILE = 8


def cpu_mean_field(
    images: Sequence[Image], unaries: Sequence[Floats], settings: CrfSettings, leave_out_below: float = 0.0
) -> list[Floats]:
    """Q of each image; as many images at once as torch has threads.

    For N pixels, M vertices (at most 9 N; on photographs 0.2 N to 3 N) and C labels, rounded up to L = 4, 8, 16, 24 ..., an
    image takes about 4 (N (2 C + L + 60) + M (2 L + 10)) bytes.

    Args:
        images: uint8 [H, W, 3] each.
        unaries: float32 [S, C, H, W] each; S energies on the same lattice.
        leave_out_below: see :func:`common.crf.shortcuts.leave_out_unlikely_labels`; 0 is exact.

    Returns:
        float32 [S, C, H, W] each.
    """

    def one(pair: tuple[Image, Floats]) -> Floats:
        return mean_field_of_image(*pair, settings, leave_out_below)

    return map_on_cores(one, list(zip(images, unaries, strict=True)))


def mean_field_of_image(image: Image, unaries: Floats, settings: CrfSettings, leave_out_below: float) -> Floats:
    """As :func:`cpu_mean_field`, for one image."""
    size = (image.shape[0], image.shape[1])
    order = visiting_order(size)
    position = position_lattice(size, settings.gaussian_sxy)
    colour = build_compiled_lattice(
        ordered_colour_features(image, settings), colour_layout(size, settings), n_empty_of(size)
    )
    kernels = ((position, settings.gaussian_compat), (colour, settings.bilateral_compat))

    def one(unary: Floats) -> Floats:
        reduced = reduce_labels(unary.reshape(len(unary), -1), kernels, leave_out_below, order)
        q = compiled_mean_field(reduced.unary, reduced.counts, kernels, settings.iterations, order)
        return reduced.restore(q).reshape(unary.shape)

    if len(unaries) == 1:
        # Without a copy.
        return one(unaries[0])[None]
    q = np.empty_like(unaries)
    for number, unary in enumerate(unaries):
        q[number] = one(unary)
    return q


# An image of 500 x 375 takes about 9 MB.
@lru_cache(maxsize=8)
def position_lattice(size: tuple[int, int], sxy: float) -> CompiledLattice:
    """The lattice of the position kernel, which images of the same height and width share."""
    return build_compiled_lattice(ordered_position_features(size, sxy), position_layout(size, sxy), n_empty_of(size))


@lru_cache(maxsize=8)
def ordered_position_features(size: tuple[int, int], sxy: float) -> Floats:
    """:func:`position_features` in the order of visits, float32 [2, N + n_empty]."""
    features, order = position_features(size, sxy), visiting_order(size)
    return np.ascontiguousarray(np.concatenate([features[order], features[len(order) :]]).T)


def ordered_colour_features(image: Image, settings: CrfSettings) -> Floats:
    """:func:`common.crf.features.colour_features` in the order of visits, float32 [5, N + n_empty]."""
    size = (image.shape[0], image.shape[1])
    order, positions = visiting_order(size), ordered_position_features(size, settings.bilateral_sxy)
    features = np.zeros((5, positions.shape[1]), np.float32)
    features[:2] = positions
    colours = image.reshape(-1, 3).take(order, axis=0)
    np.divide(colours.T, np.float32(settings.bilateral_srgb), out=features[2:, : len(order)])
    return features


def reduce_labels(
    unary: Floats, kernels: Sequence[tuple[CompiledLattice, float]], leave_out_below: float, order: Integers
) -> ReducedLabels:
    """The labels of energies float32 [C, N] that have to be computed; ``order`` int32 [N] is that of the lattices' positions."""
    reduced = leave_out_unlikely_labels(unary, leave_out_below) if leave_out_below > 0 else all_labels(unary)
    if could_be_hopeless(reduced.unary):
        largest = np.empty(len(order), np.float32)
        largest[order] = sum(np.float32(compat) * support(lattice) for lattice, compat in kernels)
        reduced = reduced.then(leave_out_hopeless_labels(reduced.unary, largest))
    return reduced.then(merge_equal_labels(reduced.unary))


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
