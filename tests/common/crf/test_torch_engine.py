"""The toolbox's own engine gives what pydensecrf gives."""

import dataclasses

import numpy as np
import pytest
import torch

from common.crf import torch_engine
from common.crf.inference import dense_crf
from common.crf.presets import PRESETS
from common.crf.torch_engine import torch_mean_field
from common.errors import ConfigError

SETTINGS = {**PRESETS, "sec_scale12": PRESETS["sec"].scaled(12)}
SIZES = {"image": (37, 45), "one_row": (1, 40), "one_column": (40, 1), "one_pixel": (1, 1)}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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


def check_engines_agree(image, unary, settings):
    pytest.importorskip("pydensecrf.densecrf", reason="pydensecrf is not installed")
    published = dense_crf(image, unary, settings, engine="pydensecrf")
    own = dense_crf(image, unary, settings, engine="torch")
    np.testing.assert_allclose(own, published, rtol=0, atol=2e-3)
    assert (own.argmax(axis=0) == published.argmax(axis=0)).mean() >= 0.999


@pytest.mark.parametrize("n_labels", [1, 2, 4, 21])
@pytest.mark.parametrize("preset", SETTINGS)
def test_equals_pydensecrf_with_every_preset(preset, n_labels):
    size = SIZES["image"]
    check_engines_agree(picture(*size), energies(n_labels, size), SETTINGS[preset])


@pytest.mark.parametrize("preset", SETTINGS)
@pytest.mark.parametrize("shape", ["one_row", "one_column", "one_pixel"])
def test_equals_pydensecrf_on_thin_images(shape, preset):
    size = SIZES[shape]
    check_engines_agree(picture(*size), energies(4, size), SETTINGS[preset])


@pytest.mark.parametrize("preset", SETTINGS)
@pytest.mark.parametrize("value", [0, 127, 255])
def test_equals_pydensecrf_on_a_constant_image(value, preset):
    size = SIZES["image"]
    check_engines_agree(np.full((*size, 3), value, np.uint8), energies(3, size), SETTINGS[preset])


@pytest.mark.parametrize("preset", SETTINGS)
def test_equals_pydensecrf_on_noise(preset):
    """Here almost no vertex has neighbours: every position is a matter of its own simplex."""
    image = np.random.default_rng(3).integers(0, 256, (30, 30, 3), np.uint8)
    check_engines_agree(image, energies(4, (30, 30)), SETTINGS[preset])


def test_neighbouring_pixels_of_one_colour_get_one_label():
    image = np.zeros((20, 20, 3), np.uint8)
    image[:, 10:] = 200
    unary = np.zeros((2, 20, 20), np.float32)
    unary[1, :, :10] = unary[0, :, 10:] = 0.5
    truth = unary.argmin(axis=0)
    wrong = np.random.default_rng(0).random((20, 20)) < 0.2
    unary[:, wrong] = unary[::-1, wrong]
    assert (unary.argmin(axis=0) != truth).sum() == wrong.sum() > 50
    np.testing.assert_array_equal(torch_mean_field(image, unary, PRESETS["cam"]).argmax(axis=0), truth)


def test_labels_in_parts_give_the_result_of_all_at_once(monkeypatch):
    image, unary = picture(12, 15), energies(5, (12, 15))
    whole = torch_mean_field(image, unary, PRESETS["cam"])
    monkeypatch.setattr(torch_engine, "LABELS_AT_ONCE", 2)
    np.testing.assert_allclose(torch_mean_field(image, unary, PRESETS["cam"]), whole, rtol=0, atol=1e-5)


def test_energies_that_may_not_be_written_are_taken():
    unary = energies(2, (5, 6))
    unary.flags.writeable = False
    assert torch_mean_field(picture(5, 6), unary, PRESETS["cam"]).shape == (2, 5, 6)


def test_large_energies_do_not_overflow():
    q = torch_mean_field(picture(5, 6), 1000 * energies(3, (5, 6)), PRESETS["cam"])
    np.testing.assert_allclose(q.sum(axis=0), 1, atol=1e-5)


def test_too_small_deviations_are_an_error():
    settings = dataclasses.replace(PRESETS["cam"], bilateral_srgb=1e-3)
    with pytest.raises(ConfigError, match="standard deviations are too small"):
        torch_mean_field(np.array([[[0, 0, 0], [255, 128, 7]]], np.uint8), np.zeros((2, 1, 2), np.float32), settings)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("preset", SETTINGS)
def test_a_gpu_gives_the_result_of_the_cpu(preset):
    image, unary = picture(37, 45), energies(21, (37, 45))
    on_cpu = torch_mean_field(image, unary, SETTINGS[preset])
    on_gpu = torch_mean_field(image, unary, SETTINGS[preset], device="cuda")
    np.testing.assert_allclose(on_gpu, on_cpu, rtol=0, atol=2e-3)
