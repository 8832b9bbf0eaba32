"""Gaussian filtering on the permutohedral lattice (Adams, Baek and Davis, "Fast High-Dimensional Filtering", 2010).

Positions in d dimensions are embedded in the hyperplane of d + 1 coordinates with sum zero. The lattice tiles it with
simplices. A value is spread over the d + 1 vertices of the simplex around its position (splat), the vertices are blurred
along each of the d + 1 axes, and the results are read at the positions (slice). The three steps are sums of weighted
rows.

All arithmetic that decides which vertices exist is float32 in a fixed order. Vertices without a value are not
part of the lattice and stop the blur, so one position on the other side of a face, by rounding, would show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from common.errors import ConfigError


class RowSums(NamedTuple):
    """A sparse matrix by rows: row i has ``weights[k]`` in column ``columns[k]``, starts[i] <= k < starts[i + 1]."""

    columns: Tensor
    starts: Tensor
    weights: Tensor

    def __call__(self, values: Tensor) -> Tensor:
        """The product with ``values`` [columns, channels]."""
        # Fastest of what torch has: a few times faster than index_select and than its CSR product on a CPU.
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
    """The three steps of the filter for fixed positions."""

    splat: RowSums
    blur: tuple[RowSums, ...]
    slice: RowSums

    def filter(self, values: Tensor) -> Tensor:
        """Sums sum_j exp(-|f_i - f_j|^2 / 2) v_j, approximately.

        Args:
            values: float32 [N, channels].

        Returns:
            float32 [N, channels].
        """
        on_vertices = self.splat(values)
        for along_axis in self.blur:
            on_vertices = along_axis(on_vertices)
        return self.slice(on_vertices)

    def scaled(self, factors: Tensor) -> PermutohedralLattice:
        """The lattice of the kernel n_i k(i, j) n_j for ``factors`` n, float32 [N]."""
        splat_weights = self.splat.weights * factors[self.splat.columns]
        slice_weights = self.slice.weights * factors.repeat_interleave(self.slice.starts.diff())
        return replace(
            self, splat=self.splat._replace(weights=splat_weights), slice=self.slice._replace(weights=slice_weights)
        )


def build_lattice(features: Tensor, n_empty: int = 0) -> PermutohedralLattice:
    """The lattice of N positions.

    Args:
        features: float32 [N + n_empty, d], in standard deviations.
        n_empty: how many of the last positions hold no value; they only add their vertices to the lattice.

    Raises:
        ConfigError: the positions extend over more vertices than can be numbered.
    """
    n_positions, n_dimensions = len(features) - n_empty, features.shape[1]
    size = n_dimensions + 1
    origin, rank, weights = enclosing_simplex(elevate(features))
    keys, steps = vertex_keys(origin, rank)
    # Sorted keys bring the entries of each vertex together; a stable sort keeps them in the order of the positions.
    sorted_keys, order = keys.flatten().sort(stable=True)
    vertices, number_sorted, counts = sorted_keys.unique_consecutive(return_inverse=True, return_counts=True)
    number = torch.empty_like(number_sorted).scatter_(0, order, number_sorted)
    weights[n_positions:] = 0
    weights = weights.flatten()
    # Vertices without a value need some column too; its weight is zero.
    position = (order // size).clamp_(max=n_positions - 1)
    splat = RowSums(position.int(), row_starts(counts), weights[order])
    # The factor undoes the growth of the sum of the values by the blur.
    slice_weights = weights[: n_positions * size] / (1 + 2.0**-n_dimensions)
    slice_starts = torch.arange(n_positions + 1, dtype=torch.int32, device=features.device) * size
    blur = tuple(blur_along(vertices, step) for step in steps)
    return PermutohedralLattice(splat, blur, RowSums(number[: n_positions * size].int(), slice_starts, slice_weights))


def elevate(features: Tensor) -> Tensor:
    """Positions [N, d] in the coordinates of the lattice, float32 [N, d + 1] with sum zero.

    The scale makes splatting, blurring and slicing together a Gaussian of standard deviation one.
    """
    n_positions, n_dimensions = features.shape
    deviation = torch.tensor(math.sqrt(2 / 3) * (n_dimensions + 1), dtype=torch.float32).item()
    elevated = features.new_empty((n_dimensions + 1, n_positions))
    total = features.new_zeros(n_positions)
    for axis in range(n_dimensions, 0, -1):
        scaled = features[:, axis - 1] * (deviation / math.sqrt(axis * (axis + 1)))
        elevated[axis] = total - axis * scaled
        total = total + scaled
    elevated[0] = total
    return elevated.T


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
    """Ranks within each row, 0 for the largest value and, among equal ones, for the first; int64, as ``values``."""
    rank = torch.zeros_like(values, dtype=torch.int64)
    for first in range(values.shape[1]):
        for second in range(first + 1, values.shape[1]):
            behind = values[:, first] < values[:, second]
            rank[:, first] += behind
            rank[:, second] += ~behind
    return rank


def vertex_keys(origin: Tensor, rank: Tensor) -> tuple[Tensor, list[int]]:
    """One number per vertex, so that a step along an axis is the same difference of numbers everywhere.

    Args:
        origin, rank: int64 [N, d + 1] of :func:`enclosing_simplex`.

    Returns:
        The keys of the simplex's vertices by remainder (int64 [N, d + 1]), and the differences of d + 1 axes.

    Raises:
        ConfigError: the numbers do not fit 63 bits.
    """
    size = origin.shape[1]
    # The last coordinate follows from the others. Vertices are up to d away from the origin and their neighbours again.
    margin = 2 * (size - 1)
    coordinates = origin[:, :-1] - origin[:, :-1].amin(dim=0) + margin
    extents = (coordinates.amax(dim=0) + margin + 1).tolist()
    if math.prod(extents) >= 2**62:
        raise ConfigError(
            "CRF standard deviations are too small for an image of this size and contrast: the lattice has too many "
            "vertices to number; use larger ones."
        )
    strides = [math.prod(extents[axis + 1 :]) for axis in range(size - 1)] + [0]
    # One step along an axis: d on the axis, -1 on all others.
    steps = [size * stride - sum(strides) for stride in strides]
    keys = torch.empty_like(origin)
    keys[:, 0] = (coordinates * origin.new_tensor(strides[:-1])).sum(dim=1)
    step_by_rank = torch.empty_like(origin).scatter_(1, rank, origin.new_tensor(steps).expand_as(rank))
    # From remainder to remainder the vertices step back along the axes, the one with the smallest distance first.
    keys[:, 1:] = keys[:, :1] - step_by_rank[:, 1:].flip(1).cumsum(dim=1)
    return keys, steps


def blur_along(vertices: Tensor, step: int) -> RowSums:
    """The blur with weights 1/2, 1, 1/2 along one axis of the vertices that exist (int64 [M], sorted keys)."""
    n_vertices = vertices.numel()
    place = torch.searchsorted(vertices, vertices + step).clamp_(max=n_vertices - 1)
    here = (vertices[place] == vertices + step).nonzero().flatten()
    there = place[here]
    own = torch.arange(n_vertices, device=vertices.device)
    counts = torch.ones_like(vertices)
    counts[here] += 1
    counts[there] += 1
    starts = row_starts(counts)
    columns = torch.empty(n_vertices + 2 * here.numel(), dtype=torch.int32, device=vertices.device)
    weights = torch.full_like(columns, 0.5, dtype=torch.float32)
    first = starts[:-1].long()
    last = starts[1:].long() - 1
    columns[first] = own.int()
    weights[first] = 1.0
    columns[last[there]] = here.int()
    # Second of a row; the last one too where the vertex has no neighbour on the other side.
    columns[first[here] + 1] = there.int()
    return RowSums(columns, starts, weights)


def row_starts(counts: Tensor) -> Tensor:
    """int32 [rows + 1] for the numbers of entries per row."""
    return torch.cat([counts.new_zeros(1), counts.cumsum(dim=0)]).int()
