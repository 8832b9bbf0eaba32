"""Mean field on the CPU: compiled lattices, one image per core, lattices and labels shared where that changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from common.cores import map_on_cores
from common.crf.compiled_lattice import CompiledLattice, build_compiled_lattice, support
from common.crf.compiled_mean_field import compiled_mean_field
from common.crf.features import colour_features, colour_layout, n_empty_of, position_features, position_layout
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
Image = npt.NDArray[np.uint8]


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
    position = position_lattice(size, settings.gaussian_sxy)
    colour = build_compiled_lattice(colour_features(image, settings), colour_layout(size, settings), n_empty_of(size))
    kernels = ((position, settings.gaussian_compat), (colour, settings.bilateral_compat))
    q = np.empty_like(unaries)
    for number, unary in enumerate(unaries):
        reduced = reduce_labels(unary.reshape(len(unary), -1), kernels, leave_out_below)
        q[number] = reduced.restore(
            compiled_mean_field(reduced.unary, reduced.counts, kernels, settings.iterations)
        ).reshape(unary.shape)
    return q


# An image of 500 x 375 takes about 9 MB.
@lru_cache(maxsize=8)
def position_lattice(size: tuple[int, int], sxy: float) -> CompiledLattice:
    """The lattice of the position kernel, which images of the same height and width share."""
    return build_compiled_lattice(position_features(size, sxy), position_layout(size, sxy), n_empty_of(size))


def reduce_labels(
    unary: Floats, kernels: Sequence[tuple[CompiledLattice, float]], leave_out_below: float
) -> ReducedLabels:
    """The labels of energies float32 [C, N] that have to be computed."""
    reduced = leave_out_unlikely_labels(unary, leave_out_below) if leave_out_below > 0 else all_labels(unary)
    if could_be_hopeless(reduced.unary):
        largest = sum(np.float32(compat) * support(lattice) for lattice, compat in kernels)
        reduced = reduced.then(leave_out_hopeless_labels(reduced.unary, np.asarray(largest, np.float32)))
    return reduced.then(merge_equal_labels(reduced.unary))
