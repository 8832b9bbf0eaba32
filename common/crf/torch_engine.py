"""The toolbox's own engine: mean field on a permutohedral lattice in torch, for every Python and on a GPU too.

Same lattice, blur order and normalisation as the code of Kraehenbuehl and Koltun (2011), which pydensecrf wraps.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from common.crf.permutohedral import PermutohedralLattice, build_lattice
from common.crf.presets import CrfSettings

# Bounds the memory for values on vertices, of which a lattice has up to six per pixel.
LABELS_AT_ONCE = 32
SMALLEST_SUM = 1e-20
PIXELS_AT_ONCE = 4


@torch.inference_mode()
def torch_mean_field(
    image: npt.NDArray[np.uint8],
    unary: npt.NDArray[np.float32],
    settings: CrfSettings,
    device: str | torch.device = "cpu",
) -> npt.NDArray[np.float32]:
    """As :func:`common.crf.inference.dense_crf`, for arrays that fit each other; computed on ``device``.

    On a CPU it uses torch's threads. Where other work shares the cores, as in several processes over images, one thread
    per process is fastest (``torch.set_num_threads(1)``; worker processes of the toolbox do that).
    """
    kernels = [
        (normalised_kernel(features, device), compat)
        for features, compat in (
            (position_features(image, settings), settings.gaussian_compat),
            (colour_features(image, settings), settings.bilateral_compat),
        )
    ]
    energies = torch.tensor(unary, device=device).flatten(1).T.contiguous()
    q = softmax_of_rows(-energies)
    for _ in range(settings.iterations):
        scores = -energies
        for lattice, compat in kernels:
            for part, target in zip(q.split(LABELS_AT_ONCE, 1), scores.split(LABELS_AT_ONCE, 1), strict=True):
                target.add_(lattice.filter(part.contiguous()), alpha=compat)
        q = softmax_of_rows(scores)
    return q.T.contiguous().cpu().numpy().reshape(unary.shape)


def position_features(image: npt.NDArray[np.uint8], settings: CrfSettings) -> Tensor:
    """Positions of the pixels in standard deviations, float32 [N, 2], columns x and y."""
    return torch.from_numpy(positions(image, settings.gaussian_sxy))


def colour_features(image: npt.NDArray[np.uint8], settings: CrfSettings) -> Tensor:
    """Positions and colours of the pixels in standard deviations, float32 [N, 5]."""
    colours = image.reshape(-1, 3).astype(np.float32) / np.float32(settings.bilateral_srgb)
    return torch.from_numpy(np.concatenate([positions(image, settings.bilateral_sxy), colours], axis=1))


def positions(image: npt.NDArray[np.uint8], sxy: float) -> npt.NDArray[np.float32]:
    """x and y / sxy, float32 [N, 2], row by row."""
    # By numpy: torch divides by a number exactly on a CPU, but multiplies by its inverse on a GPU.
    rows, columns = np.indices(image.shape[:2], dtype=np.float32)
    return np.stack([columns.ravel(), rows.ravel()], axis=1) / np.float32(sxy)


def normalised_kernel(features: Tensor, device: str | torch.device) -> PermutohedralLattice:
    """The kernel n_i k(i, j) n_j with n = 1 / sqrt(sum_j k(i, j))."""
    # The published code works on four pixels at a time and fills the last four up with zeros, position and colour. These
    # are no pixels, but their vertices let the blur through where the image is black near its first pixel.
    n_empty = -len(features) % PIXELS_AT_ONCE
    filled = torch.cat([features, features.new_zeros(n_empty, features.shape[1])])
    lattice = build_lattice(filled.to(device), n_empty)
    sums = lattice.filter(torch.ones(len(features), 1, device=device)).flatten()
    return lattice.scaled(torch.rsqrt(sums + SMALLEST_SUM))


def softmax_of_rows(scores: Tensor) -> Tensor:
    """Softmax of [N, C] over C, in place; for few labels several times faster than torch's own on a CPU."""
    exponentials = scores.sub_(scores.amax(dim=1, keepdim=True)).exp_()
    return exponentials.div_(exponentials.sum(dim=1, keepdim=True))
