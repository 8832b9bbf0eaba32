"""The permutohedral lattice of :mod:`common.crf.permutohedral`, compiled for one CPU core.

Same simplices, vertices and weights; the arithmetic that decides which vertices exist is float32 in the same order. Two
things differ, in speed alone. Vertices are numbered as the positions meet them, so that positions near each other share cached
memory. And the blur along an axis runs along chains of vertices that are neighbours on it, in place: a vertex without neighbours
keeps its value and is not touched.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.compiling import compiled
from common.crf.chains import blur_along, blur_sums_along, chain_along
from common.crf.permutohedral import KeyLayout, scales
from common.crf.vertices import number_vertices

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int32]


@dataclass(frozen=True)
class CompiledLattice:
    """Kernel n_i k(i, j) n_j of N positions in d dimensions.

    Attributes:
        vertices: int32 [N, d + 1], the vertices of the simplex around each position.
        weights: float32 [N, d + 1], their barycentric coordinates times n_i.
        met: int32, how many vertices were met before each block of positions (:class:`common.crf.vertices.Numbered`).
        chains: per axis, the vertices with neighbours on it, see :func:`common.crf.chains.chain_along`.
        n_vertices: how many there are.
        gain: factor of the sliced values, which undoes the growth of the sum by the blur.
    """

    vertices: Integers
    weights: Floats
    met: Integers
    chains: tuple[Integers, ...]
    n_vertices: int
    gain: float

    def by_corners(self) -> tuple[Integers, Floats, Integers]:
        """``vertices`` and ``weights`` as one row of N (d + 1) numbers each, and ``met``."""
        return self.vertices.reshape(-1), self.weights.reshape(-1), self.met

    def blur(self, values: Floats, lanes: tuple[int, ...]) -> None:
        """Blur float32 [n_vertices, lanes] in place."""
        for chain in self.chains:
            blur_along(values, chain, lanes)


def build_compiled_lattice(features: Floats, layout: KeyLayout, n_empty: int = 0) -> CompiledLattice:
    """The normalised lattice of N positions.

    Args:
        features: float32 [d, N + n_empty], in standard deviations, C-contiguous.
        layout: :func:`common.crf.permutohedral.key_layout` for the range of the features.
        n_empty: how many of the last positions hold no value; they only add their vertices to the lattice.
    """
    n_dimensions, n_positions = len(features), features.shape[1] - n_empty
    strides, low = np.array(layout.strides, np.int64), np.array(layout.low, np.int64)
    found = number_vertices(features, np.array(scales(n_dimensions), np.float32), strides, low)
    gain = 1 / (1 + 2.0**-n_dimensions)
    vertices, weights = found.vertices[:n_positions], found.weights[:n_positions]
    chains = tuple(chain_along(found.keys, found.table, step) for step in layout.steps)
    lattice = CompiledLattice(vertices, weights, found.met, chains, len(found.keys), gain)
    multiply(lattice.weights, np.float32(1) / np.sqrt(support(lattice) + np.float32(1e-20)))
    return lattice


def support(lattice: CompiledLattice) -> Floats:
    """The filtered values of ones, float32 [N]."""
    sums = np.zeros(lattice.n_vertices, np.float32)
    splat_ones(lattice.vertices.reshape(-1), lattice.weights.reshape(-1), sums)
    for chain in lattice.chains:
        blur_sums_along(sums, chain)
    sliced = np.empty(len(lattice.vertices), np.float32)
    slice_sums(lattice.vertices.reshape(-1), lattice.weights.reshape(-1), sums, np.float32(lattice.gain), sliced)
    return sliced


@compiled
def splat_ones(vertices: Integers, weights: Floats, sums: Floats) -> None:
    """Add the weights [N (d + 1)] of each vertex to ``sums`` float32 [n_vertices]."""
    for corner in range(len(vertices)):
        sums[np.uint32(vertices[corner])] += weights[corner]


@compiled
def slice_sums(vertices: Integers, weights: Floats, sums: Floats, gain: np.float32, sliced: Floats) -> None:
    """``sums`` float32 [n_vertices], times ``gain``, read at the N positions, into ``sliced`` float32 [N]."""
    size = len(vertices) // len(sliced)
    for i in range(len(sliced)):
        total = np.float32(0)
        for corner in range(i * size, (i + 1) * size):
            total += gain * weights[np.uint64(corner)] * sums[np.uint32(vertices[np.uint64(corner)])]
        sliced[i] = total


@compiled
def multiply(weights: Floats, factors: Floats) -> None:
    """Multiply float32 ``weights`` [N, d + 1] by ``factors`` [N], in place."""
    for i in range(len(weights)):
        for k in range(weights.shape[1]):
            weights[i, k] *= factors[i]
