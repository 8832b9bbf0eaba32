"""Mean field by tensor operations, for any device and several images at once (deeplabv2 spec, section 12.1).

Same lattice, blur order and normalisation as the code of Kraehenbuehl and Koltun (2011), which pydensecrf wraps. Images and
energies stay on their device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from common.crf.features import colour_layout, n_empty_of, position_layout
from common.crf.permutohedral import KeyLayout, PermutohedralLattice, build_lattice
from common.crf.presets import CrfSettings

# Bounds the memory for values on vertices, of which a lattice has up to six per pixel.
LABELS_AT_ONCE = 32
SMALLEST_SUM = 1e-20


@torch.no_grad()
def tensor_mean_field(images: Tensor, unaries: Tensor, settings: CrfSettings) -> Tensor:
    """Q of B images, each with S unary energies on the same lattice.

    For N pixels of all images together, M vertices (at most 9 N) and C labels this takes about
    4 (4 N S C + 3 M min(S C, 32) + 60 N) bytes on the device, on which both tensors lie.

    Args:
        images: uint8 [B, H, W, 3].
        unaries: float32 [B, S, C, H, W].

    Returns:
        float32 [B, S, C, H, W].
    """
    n_images, size = len(unaries), (unaries.shape[-2], unaries.shape[-1])
    positions = positions_on(images.device, size, settings.gaussian_sxy).expand(n_images, -1, -1)
    kernels: list[tuple[Kernel, float]] = [
        (normalised(positions, size, position_layout(size, settings.gaussian_sxy, n_images)), settings.gaussian_compat),
        (
            normalised(colours(images, settings), size, colour_layout(size, settings, n_images)),
            settings.bilateral_compat,
        ),
    ]
    return mean_field_steps(unaries, kernels, settings.iterations)


class Kernel(Protocol):
    """A normalised kernel over all pixels of some images."""

    def filter(self, values: Tensor) -> Tensor:
        """The sums over all pixels of values float32 [B N, C], for each pixel."""
        ...


def mean_field_steps(unaries: Tensor, kernels: Sequence[tuple[Kernel, float]], iterations: int) -> Tensor:
    """Q, float32 [B, S, C, H, W], of energies of that shape, after synchronous steps with kernels and their weights."""
    n_images, n_sets, n_labels, height, width = unaries.shape
    # [B N, S C]: one filter for all labels of all sets.
    energies = unaries.movedim((3, 4), (1, 2)).reshape(n_images * height * width, n_sets * n_labels)
    q = softmax_of_labels(-energies, n_labels)
    for _ in range(iterations):
        scores = -energies
        for kernel, compat in kernels:
            for part, target in zip(q.split(LABELS_AT_ONCE, 1), scores.split(LABELS_AT_ONCE, 1), strict=True):
                target.add_(kernel.filter(part.contiguous()), alpha=compat)
        q = softmax_of_labels(scores, n_labels)
    return q.view(n_images, height, width, n_sets, n_labels).movedim((1, 2), (3, 4)).contiguous()


def positions_on(device: torch.device, size: tuple[int, int], sxy: float) -> Tensor:
    """As :func:`common.crf.features.position_features`, made on the device: float32 [N + n_empty, 2]."""
    rows = torch.arange(size[0], dtype=torch.float32, device=device)
    columns = torch.arange(size[1], dtype=torch.float32, device=device)
    together = torch.stack([columns.repeat(size[0]), rows.repeat_interleave(size[1])], dim=1)
    return torch.cat([exact_quotient(together, sxy), together.new_zeros(n_empty_of(size), 2)])


def colours(images: Tensor, settings: CrfSettings) -> Tensor:
    """:func:`common.crf.features.colour_features` of each image, float32 [B, N + n_empty, 5]."""
    n_images, height, width, _ = images.shape
    size = (height, width)
    positions = positions_on(images.device, size, settings.bilateral_sxy)
    values = exact_quotient(images.reshape(n_images, -1, 3).float(), settings.bilateral_srgb)
    values = torch.cat([values, values.new_zeros(n_images, n_empty_of(size), 3)], dim=1)
    return torch.cat([positions.expand(n_images, -1, -1), values], dim=2)


def exact_quotient(values: Tensor, divisor: float) -> Tensor:
    """``values / divisor``, float32 of any shape; given a number instead of a tensor, a GPU multiplies by the inverse."""
    return values / values.new_full((1,), divisor)


def normalised(features: Tensor, size: tuple[int, int], layout: KeyLayout) -> PermutohedralLattice:
    """The kernel n_i k(i, j) n_j with n = 1 / sqrt(sum_j k(i, j)) of float32 features [B, N + n_empty, d]."""
    n_images, n_features, n_dimensions = features.shape
    n_pixels = size[0] * size[1]
    number = torch.arange(n_images, device=features.device)[:, None].expand(-1, n_features)

    def empty_last(values: Tensor, *shape: int) -> Tensor:
        return torch.cat([values[:, :n_pixels].reshape(-1, *shape), values[:, n_pixels:].reshape(-1, *shape)])

    n_empty = n_images * (n_features - n_pixels)
    lattice = build_lattice(empty_last(features, n_dimensions), layout, empty_last(number), n_empty)
    sums = lattice.filter(features.new_ones(n_images * n_pixels, 1)).flatten()
    return lattice.scaled(torch.rsqrt(sums + SMALLEST_SUM))


def softmax_of_labels(scores: Tensor, n_labels: int) -> Tensor:
    """Softmax of float32 [N, S C] over the C labels of each set, in place; for few labels faster than torch's own."""
    sets = scores.view(len(scores), -1, n_labels)
    exponentials = sets.sub_(sets.amax(dim=2, keepdim=True)).exp_()
    exponentials.div_(exponentials.sum(dim=2, keepdim=True))
    return scores
