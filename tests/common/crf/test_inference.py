"""Mean field of the dense CRF."""

import dataclasses
import importlib.util
import sys

import numpy as np
import pytest

from common.crf import inference
from common.crf.inference import dense_crf, resolve_engine
from common.crf.presets import PRESETS
from common.errors import ConfigError, DataError

SETTINGS = PRESETS["cam"]
IMAGE = np.random.default_rng(0).integers(0, 256, (8, 10, 3), np.uint8)
UNARY = np.random.default_rng(1).normal(size=(3, 8, 10)).astype(np.float32)
NO_PYDENSECRF = pytest.mark.skipif(importlib.util.find_spec("pydensecrf") is None, reason="pydensecrf is not installed")


@pytest.fixture(params=["torch", pytest.param("pydensecrf", marks=NO_PYDENSECRF)])
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


@pytest.mark.parametrize(("installed", "expected"), [(True, "pydensecrf"), (False, "torch")])
def test_auto_is_pydensecrf_where_it_is_installed(monkeypatch, installed, expected):
    monkeypatch.setattr(inference, "find_spec", lambda name: object() if installed else None)
    assert resolve_engine() == resolve_engine("auto") == expected


@pytest.mark.parametrize("engine", ["pydensecrf", "torch"])
def test_an_engine_asked_for_by_name_is_the_one_used(monkeypatch, engine):
    marks = {"pydensecrf": lambda *_: "pydensecrf", "torch": lambda *_: "torch"}
    monkeypatch.setattr(inference, "ENGINES", marks)
    assert resolve_engine(engine) == dense_crf(IMAGE, UNARY, SETTINGS, engine=engine) == engine


def test_an_unknown_engine_lists_the_known_ones():
    with pytest.raises(ConfigError, match="'cuda' is unknown; use one of auto, pydensecrf, torch"):
        dense_crf(IMAGE, UNARY, SETTINGS, engine="cuda")
