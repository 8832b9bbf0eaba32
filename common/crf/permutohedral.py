"""Gaussian filtering on the permutohedral lattice (Adams, Baek and Davis, "Fast High-Dimensional Filtering", 2010).

Positions in d dimensions are embedded in the hyperplane of d + 1 coordinates with sum zero. The lattice tiles it with
simplices. A value is spread over the d + 1 vertices of the simplex around its position (splat), the vertices are blurred
along each of the d + 1 axes, and the results are read at the positions (slice).

These are tensor operations for any device, on several images at once; :mod:`common.crf.compiled_lattice` is the same for
one CPU core. All arithmetic that decides which vertices exist is float32 in a fixed order. Vertices without a value are not
part of the lattice and stop the blur, so one position on the other side of a face, by rounding, would show.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from common.errors import ConfigError

LARGEST_KEY = 2**62
# A lattice with more corners of simplices than this reads its number of vertices from the device, to need less memory.
CORNERS_WITHOUT_COUNTING = 2**18


class KeyLayout(NamedTuple):
    """How the coordinates of a vertex become one number, such that a step along an axis is always the same difference.

    Attributes:
        low: the lowest coordinates that occur, d numbers.
        strides: of the d + 1 coordinates; the last one follows from the others and has stride 0.
        images: how far the keys of one image reach; those of the next begin there.
    """

    low: tuple[int, ...]
    strides: tuple[int, ...]
    images: int

    @property
    def steps(self) -> list[int]:
        """The differences of d + 1 axes: d on the axis, -1 on all others."""
        return [len(self.strides) * stride - sum(self.strides) for stride in self.strides]


class RowSums(NamedTuple):
    """A sparse matrix by rows: row i has ``weights[k]`` in column ``columns[k]``, starts[i] <= k < starts[i + 1].

    ``columns`` and ``starts`` are int32, ``weights`` float32.
    """

    columns: Tensor
    starts: Tensor
    weights: Tensor

    def __call__(self, values: Tensor) -> Tensor:
        """The product with ``values`` float32 [columns, channels]: float32 [rows, channels]."""
        return embedding_bag(
            self.columns,
            values,
            self.starts,
            mode="sum",
            per_sample_weights=self.weights,
            include_last_offset=True,
        )


@dataclass(frozen=True)
class PermutohedralLattice:
    """The three steps of the filter for fixed positions.

    Attributes:
        splat: [vertices, N].
        neighbours: int32 [d + 1, vertices, 2], on both sides along each axis; the number of vertices where there is none.
        vertices: int32 [N, d + 1] of each position's simplex.
        weights: float32 [N, d + 1], their shares.
    """

    splat: RowSums
    neighbours: Tensor
    vertices: Tensor
    weights: Tensor

    def filter(self, values: Tensor) -> Tensor:
        """Sums sum_j exp(-|f_i - f_j|^2 / 2) v_j, approximately.

        Args:
            values: float32 [N, channels].

        Returns:
            float32 [N, channels].
        """
        on_vertices = self.splat(values)
        absent = on_vertices.new_zeros(1, values.shape[1])
        for sides in self.neighbours:
            with_absent = torch.cat([on_vertices, absent])
            on_vertices = on_vertices.add(embedding_bag(sides, with_absent, mode="sum"), alpha=0.5)
        return embedding_bag(self.vertices, on_vertices, mode="sum", per_sample_weights=self.weights)

    def scaled(self, factors: Tensor) -> PermutohedralLattice:
        """The lattice of the kernel n_i k(i, j) n_j for ``factors`` n, float32 [N]."""
        splat = self.splat._replace(weights=self.splat.weights * factors[self.splat.columns])
        return replace(self, splat=splat, weights=self.weights * factors[:, None])


def build_lattice(
    features: Tensor, layout: KeyLayout, image: Tensor | None = None, n_empty: int = 0
) -> PermutohedralLattice:
    """The lattice of N positions.

    Args:
        features: float32 [N + n_empty, d], in standard deviations.
        layout: :func:`key_layout` for the range of the features.
        image: int64 [N + n_empty], the image of each position where there are several; they do not see each other.
        n_empty: how many of the last positions hold no value; they only add their vertices to the lattice.
    """
    n_positions, n_dimensions = len(features) - n_empty, features.shape[1]
    size = n_dimensions + 1
    origin, rank, weights = enclosing_simplex(elevate(features))
    keys = vertex_keys(origin, rank, layout)
    if image is not None:
        keys = keys + image[:, None] * layout.images
    # Sorted keys bring the entries of each vertex together; a stable sort keeps them in the order of the positions.
    sorted_keys, order = keys.flatten().sort(stable=True)
    number_sorted = sorted_keys.diff(prepend=sorted_keys[:1] - 1).ne(0).cumsum(dim=0) - 1
    number = torch.empty_like(number_sorted).scatter_(0, order, number_sorted)
    corners = keys.numel()
    n_vertices = corners if corners <= CORNERS_WITHOUT_COUNTING else int(number_sorted[-1]) + 1
    vertices = sorted_keys.new_full((n_vertices,), torch.iinfo(torch.int64).max).scatter_(0, number_sorted, sorted_keys)
    counts = torch.zeros_like(vertices).scatter_add_(0, number_sorted, torch.ones_like(number_sorted))
    weights[n_positions:] = 0
    # Vertices without a value need some column too; its weight is zero.
    position = (order // size).clamp_(max=n_positions - 1)
    splat = RowSums(position.int(), row_starts(counts), weights.flatten()[order])
    neighbours = torch.stack([neighbours_along(vertices, step) for step in layout.steps])
    # The factor undoes the growth of the sum of the values by the blur.
    slice_weights = weights[:n_positions] / (1 + 2.0**-n_dimensions)
    return PermutohedralLattice(splat, neighbours, number.view(-1, size)[:n_positions].int(), slice_weights)


def scales(n_dimensions: int) -> list[float]:
    """Factors of the features in the coordinates of the lattice, d numbers.

    They make splatting, blurring and slicing together a Gaussian of standard deviation one.
    """
    deviation = float(np.float32(math.sqrt(2 / 3) * (n_dimensions + 1)))
    return [deviation / math.sqrt(axis * (axis + 1)) for axis in range(1, n_dimensions + 1)]


def elevate(features: Tensor) -> Tensor:
    """Positions float32 [N, d] in the coordinates of the lattice, float32 [N, d + 1] with sum zero."""
    n_positions, n_dimensions = features.shape
    elevated = features.new_empty((n_dimensions + 1, n_positions))
    total = features.new_zeros(n_positions)
    factors = scales(n_dimensions)
    for axis in range(n_dimensions, 0, -1):
        scaled = features[:, axis - 1] * factors[axis - 1]
        elevated[axis] = total - axis * scaled
        total = total + scaled
    elevated[0] = total
    return elevated.T


def key_layout(largest: Sequence[float], n_images: int = 1) -> KeyLayout:
    """The numbering of the vertices for features in 0..``largest``, from the settings alone.

    Raises:
        ConfigError: the numbers do not fit 63 bits.
    """
    size = len(largest) + 1
    scaled = [value * factor for value, factor in zip(largest, scales(len(largest)), strict=True)]
    # The simplex begins less than d + 1 away; its vertices are up to d from there, and their neighbours again. One more
    # for rounding.
    margin = 3 * size + 1
    low = [0.0, *(-axis * scaled[axis - 1] for axis in range(1, size - 1))]
    high = [sum(scaled[axis:]) for axis in range(size - 1)]
    lowest = tuple(math.floor(value) - margin for value in low)
    extents = [math.ceil(value) + margin + 1 - start for value, start in zip(high, lowest, strict=True)]
    if math.prod(extents) * n_images >= LARGEST_KEY:
        raise ConfigError(
            "CRF standard deviations are too small for an image of this size: the lattice has too many vertices to "
            "number; use larger ones."
        )
    strides = tuple(math.prod(extents[axis + 1 :]) for axis in range(size - 1))
    return KeyLayout(lowest, (*strides, 0), math.prod(extents))


def enclosing_simplex(elevated: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The simplex around each position.

    Args:
        elevated: float32 [N, d + 1].

    Returns:
        Its vertex of remainder zero (int64 [N, d + 1]), the rank of each coordinate's distance from it (int64
        [N, d + 1], 0 for the largest), and the barycentric coordinates by the remainder of the vertex (float32 [N, d + 1]).
    """
    size = elevated.shape[1]
    multiples = torch.round(elevated * (1 / size))
    excess = multiples.sum(dim=1, keepdim=True).long()
    nearest = multiples.long() * size
    rank = ranks(elevated - nearest) + excess
    # Coordinates rounded to multiples of d + 1 need not have sum zero: those with the largest rounding are moved on.
    carry = (rank < 0).long() - (rank >= size).long()
    origin = nearest + carry * size
    rank += carry * size
    fractions = (elevated - origin) * (1 / size)
    by_rank = torch.empty_like(fractions).scatter_(1, rank, fractions)
    weights = torch.empty_like(fractions)
    weights[:, 0] = by_rank[:, -1] + (1 - by_rank[:, 0])
    weights[:, 1:] = (by_rank[:, :-1] - by_rank[:, 1:]).flip(1)
    return origin, rank, weights


def ranks(values: Tensor) -> Tensor:
    """Ranks within each row of ``values`` [N, d + 1], int64: 0 for the largest and, among equal ones, for the first."""
    rank = torch.zeros_like(values, dtype=torch.int64)
    for first in range(values.shape[1]):
        for second in range(first + 1, values.shape[1]):
            behind = values[:, first] < values[:, second]
            rank[:, first] += behind
            rank[:, second] += ~behind
    return rank


def vertex_keys(origin: Tensor, rank: Tensor, layout: KeyLayout) -> Tensor:
    """The keys of the simplex's vertices by remainder (int64 [N, d + 1]), of :func:`enclosing_simplex`'s int64 results."""
    # Numbers one by one, not as a tensor, which would be a copy to the device that the host waits for.
    keys = torch.zeros_like(origin)
    step_by_rank = torch.empty_like(origin)
    for axis, (low, stride) in enumerate(zip(layout.low, layout.strides, strict=False)):
        keys[:, 0] += (origin[:, axis] - low) * stride
    for axis, step in enumerate(layout.steps):
        step_by_rank.scatter_(1, rank[:, axis : axis + 1], step)
    # From remainder to remainder the vertices step back along the axes, the one with the smallest distance first.
    keys[:, 1:] = keys[:, :1] - step_by_rank[:, 1:].flip(1).cumsum(dim=1)
    return keys


def neighbours_along(vertices: Tensor, step: int) -> Tensor:
    """Who lies one step behind and ahead on an axis, int32 [M, 2]; M stands for nobody. ``vertices``: sorted, int64 [M].

    Keys that only fill up the tensor are the largest number and have no neighbours.
    """
    n_vertices = vertices.numel()
    sides = []
    for wanted in (vertices - step, vertices + step):
        place = torch.searchsorted(vertices, wanted).clamp_(max=n_vertices - 1)
        sides.append(torch.where(vertices[place] == wanted, place, n_vertices))
    return torch.stack(sides, dim=1).int()


def row_starts(counts: Tensor) -> Tensor:
    """int32 [rows + 1]: where each row begins, from int64 ``counts`` [rows] of its entries."""
    return torch.cat([counts.new_zeros(1), counts.cumsum(dim=0)]).int()
