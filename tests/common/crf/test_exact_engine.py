"""The exact sums against a double loop, and the lattices against the exact sums."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch

from common.crf.exact_engine import PIXELS_LIMIT, ColourSums, PositionSums
from common.crf.formula_widths import lattice_kernel, narrowed, widening
from common.crf.inference import dense_crf
from common.crf.presets import PRESETS, CrfSettings
from common.crf.unary import unary_from_probabilities
from common.errors import ConfigError

SETTINGS = CrfSettings(2, 3, 6, 20, 5, iterations=4)


def photograph(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Two regions with shading and noise, uint8 RGB."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 216, (height // 24 + 2, width // 24 + 2, 3)).astype(np.float32)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    cv2.circle(image, (width // 2, height // 2), min(height, width) // 4, (220, 60, 40), -1)
    return np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)


def energies(height: int, width: int, n_labels: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(height // 8 + 2, width // 8 + 2, n_labels))
    logits = cv2.resize(coarse, (width, height)).reshape(height, width, n_labels) * 2
    probabilities = np.exp(logits) / np.exp(logits).sum(2, keepdims=True)
    return unary_from_probabilities(np.ascontiguousarray(probabilities.transpose(2, 0, 1)).astype(np.float32))


def by_a_double_loop(image: np.ndarray, unary: np.ndarray, settings: CrfSettings) -> np.ndarray:
    """The formula, pixel by pixel, in Python's float64."""
    n_labels, height, width = unary.shape
    pixels = [(x, y, *map(float, image[y, x])) for y in range(height) for x in range(width)]
    widths = (
        (settings.gaussian_sxy,) * 2,
        (settings.bilateral_sxy,) * 2 + (settings.bilateral_srgb,) * 3,
    )
    kernels = []
    for scale in widths:
        kernel = [
            [
                math.exp(-0.5 * sum(((a - b) / s) ** 2 for a, b, s in zip(one, other, scale, strict=False)))
                for other in pixels
            ]
            for one in pixels
        ]
        sums = [math.fsum(row) for row in kernel]
        kernels.append(
            [[value / math.sqrt(sums[i] * sums[j]) for j, value in enumerate(row)] for i, row in enumerate(kernel)]
        )
    flat = unary.reshape(n_labels, -1).T.astype(np.float64)
    q = np.exp(-flat) / np.exp(-flat).sum(1, keepdims=True)
    for _ in range(settings.iterations):
        scores = -flat.copy()
        for kernel, compat in zip(kernels, (settings.gaussian_compat, settings.bilateral_compat), strict=True):
            scores += compat * np.array(kernel) @ q
        q = np.exp(scores - scores.max(1, keepdims=True))
        q /= q.sum(1, keepdims=True)
    return q.T.reshape(unary.shape)


@pytest.mark.parametrize(("size", "n_labels"), [((6, 7), 3), ((1, 9), 2), ((8, 5), 1)])
def test_it_is_the_formula(size, n_labels):
    image, unary = photograph(*size), energies(*size, n_labels)
    found = dense_crf(image, unary, SETTINGS, "exact")
    np.testing.assert_allclose(found, by_a_double_loop(image, unary, SETTINGS), atol=2e-6)


def test_blocks_of_pairs_change_nothing(monkeypatch):
    image = torch.from_numpy(photograph(10, 12))
    values = torch.rand(120, 3, generator=torch.Generator().manual_seed(0))
    at_once = ColourSums(image, 6, 20).filter(values)
    monkeypatch.setattr("common.crf.exact_engine.PAIRS_AT_ONCE", 1000)
    torch.testing.assert_close(ColourSums(image, 6, 20).filter(values), at_once, rtol=1e-5, atol=1e-6)


def test_the_position_kernel_is_the_colour_kernel_of_a_grey_image():
    size = (9, 11)
    grey = ColourSums(torch.zeros(*size, 3, dtype=torch.uint8), 3, 1)
    values = torch.rand(99, 2, generator=torch.Generator().manual_seed(0))
    separable = PositionSums(size, 3, torch.device("cpu")).filter(values)
    torch.testing.assert_close(separable, grey.filter(values), rtol=1e-5, atol=1e-6)


def test_a_mirrored_image_has_the_mirrored_result_which_no_lattice_gives():
    image, unary = photograph(40, 50), energies(40, 50, 3)
    mirrored = image[:, ::-1].copy(), unary[:, :, ::-1].copy()
    differences = {
        engine: np.abs(
            dense_crf(*mirrored, PRESETS["cam"], engine)[:, :, ::-1] - dense_crf(image, unary, PRESETS["cam"], engine)
        ).max()
        for engine in ("exact", "torch")
    }
    assert differences["exact"] < 1e-4 < differences["torch"]


def test_too_many_pixels_are_refused_with_what_to_do():
    side = int(PIXELS_LIMIT**0.5) + 1
    image, unary = np.zeros((side, side, 3), np.uint8), np.zeros((2, side, side), np.float32)
    with pytest.raises(ConfigError, match=f"exact CRF of {side}x{side} pixels .* reduce the image"):
        dense_crf(image, unary, SETTINGS, "exact")


@pytest.mark.parametrize("name", ["deeplab", "label", "cam"])
def test_the_widening_is_that_of_the_second_moments(name):
    image = torch.from_numpy(photograph(96, 128))
    settings = PRESETS[name]
    narrow = narrowed(image, settings)
    position, colour = widening(image, settings)
    assert 0.8 < position < 1.2 and 0.8 < colour < 1.2
    assert narrow.bilateral_sxy == settings.bilateral_sxy / position
    assert narrow.bilateral_srgb == settings.bilateral_srgb / colour and narrow.gaussian_sxy == settings.gaussian_sxy
    # All pixels, in place of a sample: the formula with widened widths has the moments of the lattice.
    probes = torch.randperm(96 * 128, generator=torch.Generator().manual_seed(0))[:96]
    y, x = np.indices((96, 128)).reshape(2, -1).astype(np.float64)
    colours = image.reshape(-1, 3).numpy().astype(np.float64)
    places = np.stack([x, y], 1)
    of_places, of_colours = (
        ((points[:, None] - points[None, probes.numpy()]) ** 2).sum(2) for points in (places, colours)
    )
    kernel = lattice_kernel(image, settings, probes).numpy().astype(np.float64)
    widths = settings.bilateral_sxy * position, settings.bilateral_srgb * colour
    widened = np.exp(-0.5 * (of_places / widths[0] ** 2 + of_colours / widths[1] ** 2))
    for squares in (of_places, of_colours):
        assert (widened * squares).sum() / widened.sum() == pytest.approx(
            (kernel * squares).sum() / kernel.sum(), rel=5e-3
        )


def test_an_image_of_one_colour_leaves_the_colours_width():
    image = torch.full((20, 30, 3), 7, dtype=torch.uint8)
    position, colour = widening(image, PRESETS["cam"].scaled(8))
    assert position != 1 and colour == 1


def test_the_engine_formula_uses_the_narrowed_widths_of_each_image():
    images = np.stack([photograph(32, 40, seed) for seed in (0, 1)])
    unaries = np.stack([energies(32, 40, 3, seed) for seed in (0, 1)])
    settings = PRESETS["cam"].scaled(4)
    found = dense_crf(images, unaries, settings, "formula")
    for image, unary, q in zip(images, unaries, found, strict=True):
        own = narrowed(torch.from_numpy(image), settings)
        np.testing.assert_array_equal(q, dense_crf(image, unary, own, "torch"))
    on_tensors = dense_crf(torch.from_numpy(images), torch.from_numpy(unaries), settings, "formula")
    assert isinstance(on_tensors, torch.Tensor)
    np.testing.assert_array_equal(on_tensors.numpy(), found)
