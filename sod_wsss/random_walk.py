"""The random walk that carries maps up to the edges of an image (sod_wsss spec, section 6.3).

Published programs square the transition matrix of all pixels eight times and apply it once. Here the sparse matrix is applied 2^8
times instead: by the associative law both are the same power of the same matrix, and as a row has few entries (69 with radius 5)
and there are few maps, this is hundreds of times less work at VOC's sizes, where the powers are full.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from sod_wsss.affinity_paths import neighbour_pairs


def transition_matrix(edges: Tensor, radius: int, beta: float) -> Tensor:
    """The transposed transition matrix HW x HW, sparse (CSR), of edges H x W in 0..1.

    An entry is (1 - the strongest edge on the way) ^ beta of pixels nearer than ``radius``, 1 of a pixel and itself, divided by
    the sum over all neighbours of the pixel that is walked to.
    """
    height, width = edges.shape
    numbers = torch.arange(height * width, device=edges.device).view(height, width)
    first, second, values = [numbers.flatten()], [numbers.flatten()], [torch.ones_like(edges).flatten()]
    for path, (rows, columns) in neighbour_pairs((height, width), radius):
        shifted = [
            (slice(rows.start + down, rows.stop + down), slice(columns.start + right, columns.stop + right))
            for down, right in path.points
        ]
        affinity = (1 - torch.stack([edges[place] for place in shifted]).amax(0)) ** beta
        down, right = path.end
        end = numbers[rows.start + down : rows.stop + down, columns.start + right : columns.stop + right]
        ends = (numbers[rows, columns].flatten(), end.flatten())
        first += ends
        second += ends[::-1]
        values += [affinity.flatten()] * 2
    row, weights = torch.cat(first), torch.cat(values)
    sums = torch.zeros(height * width, dtype=weights.dtype, device=edges.device).index_add_(0, row, weights)
    places = torch.stack([row, torch.cat(second)])
    with warnings.catch_warnings():
        # Of torch, about its sparse matrices being young.
        warnings.filterwarnings("ignore", message="Sparse (CSR|invariant)")
        return torch.sparse_coo_tensor(places, weights / sums[row], (len(sums),) * 2).coalesce().to_sparse_csr()


@torch.inference_mode()
def propagate(maps: Tensor, edges: Tensor, radius: int = 5, beta: float = 10.0, exponent: int = 8) -> Tensor:
    """The maps after 2^exponent steps of the walk.

    Args:
        maps: K x H x W, not negative; what lies on an edge does not take part.
        edges: H x W in 0..1.
        radius: a step leads to pixels nearer than this.
        beta: power of the affinities.
        exponent: of the number of steps.

    Returns:
        K x H x W, not negative, in the precision of the maps.
    """
    count, (height, width) = len(maps), edges.shape
    matrix = transition_matrix(edges, radius, beta)
    walking = (maps * (1 - edges)).flatten(1).T.contiguous()
    for _ in range(2**exponent):
        walking = matrix @ walking
    return walking.T.reshape(count, height, width)
