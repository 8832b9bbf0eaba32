"""Pairs of neighbouring pixels and what lies between them: labels and affinities of pairs (sod_wsss spec, sections 3.3 and 6.3).

Two pixels belong together the less, the stronger the strongest edge on the way between them is. Each pair is counted once, from the
upper (in a row: the left) pixel; all pixels that have every neighbour within the radius to the right, to the left and below are
sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from common.errors import DataError

Offset = tuple[int, int]


class AffinityPath(NamedTuple):
    """The way from a pixel to a neighbour.

    Attributes:
        end: (down, right) of the neighbour; down is not negative.
        points: the pixels on the way, both ends included: those less than one pixel from the straight line.
    """

    end: Offset
    points: tuple[Offset, ...]


class PairLabels(NamedTuple):
    """Which pairs have a label: both background, both of one class, or different; uint8 ... x P x M of 0 and 1."""

    background: Tensor
    foreground: Tensor
    different: Tensor


@lru_cache
def affinity_paths(radius: int) -> tuple[AffinityPath, ...]:
    """The ways to all neighbours nearer than ``radius``, by number of points and, within that, row by row."""
    ends = [(0, right) for right in range(1, radius)]
    for down in range(1, radius):
        ends += [(down, right) for right in range(1 - radius, radius) if down**2 + right**2 < radius**2]
    return tuple(sorted((AffinityPath(end, points_to(end)) for end in ends), key=lambda path: len(path.points)))


def points_to(end: Offset) -> tuple[Offset, ...]:
    """The pixels (down, right) within the rectangle of (0, 0) and ``end`` that are less than 1 from the line between them."""
    down, right = end
    columns = range(min(0, right), max(0, right) + 1)
    length_squared = down**2 + right**2
    return tuple((y, x) for y in range(down + 1) for x in columns if (down * x - right * y) ** 2 < length_squared)


def source_size(size: Sequence[int], radius: int) -> tuple[int, int]:
    """(height, width) of the sources in a map of ``size``.

    Raises:
        DataError: the map has none.
    """
    height, width = size[0] - (radius - 1), size[1] - 2 * (radius - 1)
    if height < 1 or width < 1:
        raise DataError(
            f"a map of {size[0]} x {size[1]} has no pixel with all neighbours nearer than {radius}; use larger squares or a "
            "smaller affinity.radius"
        )
    return height, width


def moved(maps: Tensor, offset: Offset, radius: int) -> Tensor:
    """Of maps ... x H x W what lies ``offset`` from every source: ... x M, sources row by row."""
    height, width = source_size(maps.shape[-2:], radius)
    down, left = offset[0], radius - 1 + offset[1]
    return maps[..., down : down + height, left : left + width].flatten(-2)


def affinities(edges: Tensor, radius: int) -> Tensor:
    """1 - the strongest edge on the way, ... x P x M of edges ... x H x W in 0..1; P ways, M sources.

    Raises:
        DataError: the maps are too small to have sources.
    """
    return torch.stack([1 - strongest(edges, path, radius) for path in affinity_paths(radius)], -2)


def strongest(edges: Tensor, path: AffinityPath, radius: int) -> Tensor:
    # The maximum keeps the place alone for the gradient, not the values of the whole way.
    return torch.stack([moved(edges, point, radius) for point in path.points]).max(0).values


def pair_labels(labels: Tensor, radius: int, n_labels: int) -> PairLabels:
    """What is known of the pairs of :func:`affinities` from label maps ... x H x W.

    Args:
        n_labels: labels of the dataset with the background, 0; pairs with another label (255) are not known.

    Raises:
        DataError: the maps are too small to have sources.
    """
    source = moved(labels, (0, 0), radius)[..., None, :]
    ends = torch.stack([moved(labels, path.end, radius) for path in affinity_paths(radius)], -2)
    known, same = (source < n_labels) & (ends < n_labels), source == ends
    found = (known & same & (source == 0), known & same & (source > 0), known & ~same)
    return PairLabels(*(mask.to(torch.uint8) for mask in found))


def neighbour_pairs(size: Sequence[int], radius: int) -> Iterator[tuple[AffinityPath, tuple[slice, slice]]]:
    """Every way, and the rectangle of a map of ``size`` from all of whose pixels it stays in the map; empty ones are left out."""
    height, width = size
    for path in affinity_paths(radius):
        down, right = path.end
        rows, columns = slice(0, height - down), slice(max(0, -right), width - max(0, right))
        if rows.stop > 0 and columns.stop > columns.start:
            yield path, (rows, columns)
