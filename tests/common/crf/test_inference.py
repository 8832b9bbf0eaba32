"""Mean field of the dense CRF."""

import dataclasses
import importlib.util
import sys

import numpy as np
import pytest
import torch

from common.cores import torch_threads
from common.crf import inference
from common.crf.inference import dense_crf, resolve_engine
from common.crf.presets import PRESETS
from common.errors import ConfigError, DataError

SETTINGS = PRESETS["cam"]
IMAGE = np.random.default_rng(0).integers(0, 256, (8, 10, 3), np.uint8)
UNARY = np.random.default_rng(1).normal(size=(3, 8, 10)).astype(np.float32)
NO_PYDENSECRF = pytest.mark.skipif(importlib.util.find_spec("pydensecrf") is None, reason="pydensecrf is not installed")


@pytest.fixture(params=["torch", "exact", "formula", pytest.param("pydensecrf", marks=NO_PYDENSECRF)])
def engine(request):
    return request.param


def test_result_is_a_distribution_over_labels(engine):
    q = dense_crf(IMAGE, UNARY, SETTINGS, engine)
    assert q.shape == (3, 8, 10)
    assert q.dtype == np.float32
    np.testing.assert_allclose(q.sum(axis=0), 1, atol=1e-5)


def test_zero_iterations_are_the_softmax_of_the_negative_energy(engine):
    q = dense_crf(IMAGE, UNARY, dataclasses.replace(SETTINGS, iterations=0), engine)
    exponential = np.exp(-UNARY)
    np.testing.assert_allclose(q, exponential / exponential.sum(axis=0), rtol=1e-5)


def test_one_label_has_probability_one(engine):
    np.testing.assert_allclose(dense_crf(IMAGE, UNARY[:1], SETTINGS, engine), 1)


def test_arrays_with_strides_give_the_result_of_their_copies(engine):
    flipped = dense_crf(IMAGE[:, ::-1], UNARY[:, :, ::-1], SETTINGS, engine)
    copies = dense_crf(IMAGE[:, ::-1].copy(), UNARY[:, :, ::-1].copy(), SETTINGS, engine)
    np.testing.assert_array_equal(flipped, copies)


def test_inputs_are_not_changed(engine):
    image, unary = IMAGE.copy(), UNARY.copy()
    dense_crf(image, unary, SETTINGS, engine)
    np.testing.assert_array_equal(image, IMAGE)
    np.testing.assert_array_equal(unary, UNARY)


@pytest.mark.parametrize(
    ("image", "unary"),
    [
        (IMAGE.astype(np.float32), UNARY),
        (IMAGE[:, :, 0], UNARY),
        (IMAGE, UNARY.astype(np.float64)),
        (IMAGE, UNARY[:, :4]),
        (IMAGE, UNARY[:0]),
        (np.stack([IMAGE, IMAGE]), UNARY),
        (np.stack([IMAGE, IMAGE]), UNARY[None]),
        (IMAGE, UNARY * np.float32(np.nan)),
    ],
)
def test_inputs_that_do_not_fit_are_an_error(image, unary):
    with pytest.raises(DataError, match="CRF"):
        dense_crf(image, unary, SETTINGS)


def test_a_missing_library_is_an_error_with_its_install_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    with pytest.raises(ConfigError, match=r"pip install pydensecrf2 \(needs Python < 3.13\)"):
        dense_crf(IMAGE, UNARY, SETTINGS, engine="pydensecrf")


def test_auto_is_the_engine_that_is_the_same_everywhere():
    assert resolve_engine() == resolve_engine("auto") == "torch"
    np.testing.assert_array_equal(dense_crf(IMAGE, UNARY, SETTINGS), dense_crf(IMAGE, UNARY, SETTINGS, "torch"))


def test_an_engine_asked_for_by_name_is_the_one_used(monkeypatch):
    monkeypatch.setattr(inference, "pydensecrf_mean_field", lambda image, unary, settings: np.full_like(unary, 7))
    assert (dense_crf(IMAGE, UNARY, SETTINGS, engine="pydensecrf") == 7).all()


def test_a_batch_gives_the_results_of_its_images(engine):
    images, unaries = np.stack([IMAGE, IMAGE[::-1]]), np.stack([UNARY, UNARY[:, ::-1] + 0.5])
    together = dense_crf(images, unaries, SETTINGS, engine)
    for image, unary, q in zip(images, unaries, together, strict=True):
        np.testing.assert_array_equal(q, dense_crf(image, unary, SETTINGS, engine))


def test_several_energies_of_one_image_give_the_results_of_each(engine):
    unaries = np.stack([UNARY, 2 * UNARY, -UNARY])
    together = dense_crf(IMAGE, unaries, SETTINGS, engine)
    for unary, q in zip(unaries, together, strict=True):
        np.testing.assert_array_equal(q, dense_crf(IMAGE, unary, SETTINGS, engine))


def test_tensors_give_the_tensor_of_the_result(engine):
    q = dense_crf(torch.from_numpy(IMAGE), torch.from_numpy(UNARY).requires_grad_(), SETTINGS, engine)
    assert isinstance(q, torch.Tensor) and not q.requires_grad
    np.testing.assert_array_equal(q.numpy(), dense_crf(IMAGE, UNARY, SETTINGS, engine))


def test_arrays_that_may_not_be_written_are_taken(engine):
    image, unary = IMAGE.copy(), UNARY.copy()
    image.flags.writeable = unary.flags.writeable = False
    np.testing.assert_array_equal(dense_crf(image, unary, SETTINGS, engine), dense_crf(IMAGE, UNARY, SETTINGS, engine))


def test_the_number_of_threads_does_not_change_the_bits():
    images, unaries = np.stack([IMAGE] * 3), np.stack([UNARY, -UNARY, 2 * UNARY])
    with torch_threads(1):
        one = dense_crf(images, unaries, SETTINGS)
    with torch_threads(3):
        np.testing.assert_array_equal(dense_crf(images, unaries, SETTINGS), one)


def test_unlikely_labels_are_left_out_only_when_asked():
    unary = UNARY.copy()
    unary[2] = 12
    exact = dense_crf(IMAGE, unary, SETTINGS)
    assert exact[2].min() > 0
    approximate = dense_crf(IMAGE, unary, SETTINGS, leave_out_below=1e-3)
    assert (approximate[2] == 0).all()
    np.testing.assert_allclose(approximate, exact, atol=0.01)


@pytest.mark.parametrize(("engine", "smallest"), [("pydensecrf", 0.1), ("torch", 1.5), ("torch", -0.1)])
def test_an_approximation_that_is_not_to_be_had_is_an_error(engine, smallest):
    with pytest.raises(ConfigError, match="leave_out_below"):
        dense_crf(IMAGE, UNARY, SETTINGS, engine, leave_out_below=smallest)


def test_an_unknown_engine_lists_the_known_ones():
    with pytest.raises(ConfigError, match="'cuda' is unknown; use one of auto, pydensecrf, torch"):
        dense_crf(IMAGE, UNARY, SETTINGS, engine="cuda")
