"""The toolbox's own engines give what pydensecrf gives."""

import dataclasses

import numpy as np
import pytest
import torch

from common.crf import permutohedral, tensor_engine
from common.crf.inference import dense_crf
from common.crf.presets import PRESETS
from common.crf.tensor_engine import tensor_mean_field
from common.errors import ConfigError

SETTINGS = {**PRESETS, "sec_scale12": PRESETS["sec"].scaled(12)}
SIZES = {"image": (37, 45), "one_row": (1, 40), "one_column": (40, 1), "one_pixel": (1, 1)}


@pytest.fixture(params=["compiled", "tensor operations"])
def own(request):
    """``(image, unary, settings) -> Q`` of each of the toolbox's implementations."""
    return dense_crf if request.param == "compiled" else by_tensor_operations


def by_tensor_operations(image, unary, settings):
    images, unaries = torch.from_numpy(image.copy())[None], torch.from_numpy(unary.copy())[None, None]
    return tensor_mean_field(images, unaries, settings)[0, 0].numpy()


def picture(height, width):
    """Rectangles of one colour each, with noise: uint8 HxWx3."""
    rng = np.random.default_rng(0)
    image = np.full((height, width, 3), rng.integers(0, 256, 3), np.float64)
    for _ in range(6):
        top, left = rng.integers(0, height), rng.integers(0, width)
        image[top : top + 1 + height // 2, left : left + 1 + width // 2] = rng.integers(0, 256, 3)
    return np.clip(image + rng.normal(0, 8, image.shape), 0, 255).astype(np.uint8)


def energies(n_labels, size):
    """Random energies in blocks of up to 8 x 8 pixels: float32 [C, H, W]."""
    rng = np.random.default_rng(n_labels)
    rows, columns = np.indices(size) // 8
    blocks = 2 * rng.normal(size=(n_labels, rows.max() + 1, columns.max() + 1))
    return (blocks[:, rows, columns] + rng.normal(size=(n_labels, *size))).astype(np.float32)


def check_agreement(own, image, unary, settings):
    pytest.importorskip("pydensecrf.densecrf", reason="pydensecrf is not installed")
    published = dense_crf(image, unary, settings, engine="pydensecrf")
    q = own(image, unary, settings)
    np.testing.assert_allclose(q, published, rtol=0, atol=2e-3)
    assert (q.argmax(axis=0) == published.argmax(axis=0)).mean() >= 0.999


@pytest.mark.parametrize("n_labels", [1, 2, 4, 21])
@pytest.mark.parametrize("preset", SETTINGS)
def test_equals_pydensecrf_with_every_preset(own, preset, n_labels):
    size = SIZES["image"]
    check_agreement(own, picture(*size), energies(n_labels, size), SETTINGS[preset])


@pytest.mark.parametrize("preset", SETTINGS)
@pytest.mark.parametrize("shape", ["one_row", "one_column", "one_pixel"])
def test_equals_pydensecrf_on_thin_images(own, shape, preset):
    size = SIZES[shape]
    check_agreement(own, picture(*size), energies(4, size), SETTINGS[preset])


@pytest.mark.parametrize("preset", SETTINGS)
@pytest.mark.parametrize("value", [0, 127, 255])
def test_equals_pydensecrf_on_a_constant_image(own, value, preset):
    size = SIZES["image"]
    check_agreement(own, np.full((*size, 3), value, np.uint8), energies(3, size), SETTINGS[preset])


@pytest.mark.parametrize("preset", SETTINGS)
def test_equals_pydensecrf_on_noise(own, preset):
    """Here almost no vertex has neighbours: every position is a matter of its own simplex."""
    image = np.random.default_rng(3).integers(0, 256, (30, 30, 3), np.uint8)
    check_agreement(own, image, energies(4, (30, 30)), SETTINGS[preset])


def test_neighbouring_pixels_of_one_colour_get_one_label(own):
    image = np.zeros((20, 20, 3), np.uint8)
    image[:, 10:] = 200
    unary = np.zeros((2, 20, 20), np.float32)
    unary[1, :, :10] = unary[0, :, 10:] = 0.5
    truth = unary.argmin(axis=0)
    wrong = np.random.default_rng(0).random((20, 20)) < 0.2
    unary[:, wrong] = unary[::-1, wrong]
    assert (unary.argmin(axis=0) != truth).sum() == wrong.sum() > 50
    np.testing.assert_array_equal(own(image, unary, PRESETS["cam"]).argmax(axis=0), truth)


def test_labels_in_parts_give_the_result_of_all_at_once(monkeypatch):
    image, unary = picture(12, 15), energies(5, (12, 15))
    whole = by_tensor_operations(image, unary, PRESETS["cam"])
    monkeypatch.setattr(tensor_engine, "LABELS_AT_ONCE", 2)
    np.testing.assert_allclose(by_tensor_operations(image, unary, PRESETS["cam"]), whole, rtol=0, atol=1e-5)


def test_counting_the_vertices_does_not_change_the_result(monkeypatch):
    image, unary = picture(12, 15), energies(5, (12, 15))
    uncounted = by_tensor_operations(image, unary, PRESETS["cam"])
    monkeypatch.setattr(permutohedral, "CORNERS_WITHOUT_COUNTING", 0)
    np.testing.assert_allclose(by_tensor_operations(image, unary, PRESETS["cam"]), uncounted, rtol=0, atol=1e-6)


def test_images_of_a_batch_do_not_see_each_other():
    images = [picture(9, 11), 255 - picture(9, 11)]
    unaries = [energies(4, (9, 11)), energies(4, (9, 11))[::-1].copy()]
    together = tensor_mean_field(
        torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(unaries))[:, None], PRESETS["cam"]
    )
    for image, unary, q in zip(images, unaries, together, strict=True):
        alone = by_tensor_operations(image, unary, PRESETS["cam"])
        np.testing.assert_allclose(q[0].numpy(), alone, rtol=0, atol=1e-5)


def test_large_energies_do_not_overflow(own):
    q = own(picture(5, 6), 1000 * energies(3, (5, 6)), PRESETS["cam"])
    np.testing.assert_allclose(q.sum(axis=0), 1, atol=1e-5)


def test_too_small_deviations_are_an_error(own):
    settings = dataclasses.replace(PRESETS["cam"], bilateral_srgb=1e-4)
    with pytest.raises(ConfigError, match="standard deviations are too small"):
        own(np.array([[[0, 0, 0], [255, 128, 7]]], np.uint8), np.zeros((2, 1, 2), np.float32), settings)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("preset", SETTINGS)
def test_a_gpu_gives_the_result_of_the_cpu(preset):
    image, unary = picture(37, 45), energies(21, (37, 45))
    on_gpu = dense_crf(torch.from_numpy(image).cuda(), torch.from_numpy(unary).cuda(), SETTINGS[preset])
    np.testing.assert_allclose(on_gpu.cpu(), dense_crf(image, unary, SETTINGS[preset]), rtol=0, atol=2e-3)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_training_step_copies_nothing_from_the_gpu():
    images, unaries = (
        torch.from_numpy(np.stack([array] * 2)).cuda() for array in (picture(41, 41), energies(21, (41, 41)))
    )
    settings = PRESETS["sec"].scaled(12)
    dense_crf(images, unaries, settings)
    torch.cuda.set_sync_debug_mode("error")
    try:
        dense_crf(images, unaries, settings)
    finally:
        torch.cuda.set_sync_debug_mode("default")
