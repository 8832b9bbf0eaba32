"""Plain CAM's label rule."""

from dataclasses import replace

import numpy as np
import pytest

from common.cam.files import Cams
from common.crf.presets import PRESETS
from common.errors import ConfigError, DataError
from common.pseudo_labels.background import power
from common.pseudo_labels.crf import refine_labels, refine_maps
from common.pseudo_labels.labels import pseudo_label
from common.pseudo_labels.rule import CamRule, Evidence, LabelConfig

N_LABELS = 5
# Two halves of one colour each, and a map that reaches a little into the other half.
IMAGE = np.repeat(np.repeat(np.array([[[250, 20, 20], [20, 20, 250]]], np.uint8), 16, 0), 16, 1)
MAPS = np.zeros((1, 16, 32), np.float32)
MAPS[0, :, :18] = 0.8
SALIENCY = np.zeros((16, 32), np.uint8)
SALIENCY[:, :12] = 255
EVIDENCE = Evidence("a", Cams(np.array([2]), MAPS), IMAGE, SALIENCY)


def label_map(**config):
    return CamRule(LabelConfig(**config), N_LABELS)(EVIDENCE)


def test_the_mean_with_saliency_lies_between_the_map_and_saliency():
    expected = np.zeros((16, 32), np.uint8)
    expected[:, :12] = 3
    np.testing.assert_array_equal(label_map(background="mean"), expected)
    expected[:, :18] = 3
    np.testing.assert_array_equal(label_map(background="mean", saliency_threshold=0.3), expected)
    np.testing.assert_array_equal(label_map(background="mean", saliency_share=0.25), expected)


@pytest.mark.parametrize(("crf", "choice"), [("label", [0, 3]), ("label_all", range(N_LABELS))])
def test_the_crf_chooses_from_the_image_s_labels_or_from_all(crf, choice):
    expected = refine_labels(IMAGE, label_map(), choice)
    np.testing.assert_array_equal(label_map(crf=crf), expected)
    assert set(np.unique(expected)) == {0, 3}


def test_the_background_is_the_one_of_the_settings():
    from_map, from_saliency = np.zeros((2, 16, 32), np.uint8)
    from_map[:, :18], from_saliency[:, :12] = 3, 3
    np.testing.assert_array_equal(label_map(threshold=0.79), from_map)
    assert not label_map(threshold=0.81).any()
    # (1 - 0.8) ** alpha against 0.8.
    np.testing.assert_array_equal(label_map(background="power", alpha=0.15), from_map)
    assert not label_map(background="power", alpha=0.13).any()
    np.testing.assert_array_equal(label_map(background="saliency"), from_saliency)
    saliency = SALIENCY.copy()
    saliency[:, :18] = 102
    for threshold, expected in ((0.4, np.zeros_like(from_map)), (0.39, from_map)):
        rule = CamRule(LabelConfig(background="saliency", saliency_threshold=threshold), N_LABELS)
        np.testing.assert_array_equal(rule(EVIDENCE._replace(saliency=saliency)), expected)


@pytest.mark.parametrize("iterations", [None, 0, 3])
def test_the_crf_on_maps_has_them_and_their_power_background(iterations):
    config = LabelConfig(background="power", alpha=2.0, crf="cam")
    settings = PRESETS["cam"] if iterations is None else replace(PRESETS["cam"], iterations=iterations)
    maps = np.random.default_rng(0).random((2, 16, 32)).astype(np.float32)
    evidence = EVIDENCE._replace(cams=Cams(np.array([3, 1]), maps))
    refined, background = refine_maps(IMAGE, maps, power(maps, 2.0), settings)
    expected = pseudo_label(refined, np.array([3, 1]), background)
    np.testing.assert_array_equal(CamRule(config, N_LABELS, iterations)(evidence), expected)
    assert set(np.unique(expected)) <= {0, 2, 4} and expected.any()


def test_saliency_of_another_size_is_an_error():
    evidence = EVIDENCE._replace(saliency=SALIENCY[:8])
    with pytest.raises(DataError, match="a: the saliency map is"):
        CamRule(LabelConfig(background="mean"), N_LABELS)(evidence)


def test_a_share_of_saliency_that_leaves_no_map_is_refused():
    with pytest.raises(ConfigError, match="saliency_share is 1"):
        LabelConfig(background="mean", saliency_share=1)


def test_the_crf_on_maps_needs_the_power_background():
    with pytest.raises(ConfigError, match="use crf label"):
        LabelConfig(background="mean", crf="cam")


def test_a_result_states_the_threshold_of_the_background_in_use():
    stated = {"constant": 0.25, "power": 8.0, "saliency": 0.5, "mean": 0.5}
    assert {name: LabelConfig(background=name).stated_threshold for name in stated} == stated
