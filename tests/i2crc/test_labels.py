"""The initial labels: each rule of their decision table (i2crc spec, section 6.2), and what cannot be labelled."""

import numpy as np
import pytest

from common.cam.files import Cams
from common.errors import ConfigError, DataError
from common.pseudo_labels.rule import Evidence
from i2crc.labels import InitialLabelConfig, InitialLabels, initial_label

KEYS = np.array([2, 5])
FIRST, SECOND, IGNORED = 3, 6, 255
# A pixel of each class, where nothing else counts: the maps reach from 0 to 255, and foreground covers enough.
ANCHORS = [(255, 255, 0), (255, 0, 255)]


def label_of(saliency, first, second, **config):
    """The label of a pixel with these grey values of saliency and of the two classes' maps."""
    pixels = np.array([(saliency, first, second), *ANCHORS], np.uint8)[None]
    label = initial_label(pixels[..., 0], KEYS, pixels[..., 1:].transpose(2, 0, 1), InitialLabelConfig(**config))
    assert label.dtype == np.uint8 and label[0, 1:].tolist() == [FIRST, SECOND]
    return label[0, 0]


@pytest.mark.parametrize(
    ("rule", "saliency", "first", "second", "expected"),
    [
        # Scores: 1 - saliency / 255 of the background, grey / 255 of the classes.
        ("3: a score of 0.3 counts", 255, 77, 0, FIRST),
        ("3: a score below 0.3 counts nothing", 255, 76, 0, IGNORED),
        ("4, 6: two classes above 0.9 are a conflict", 255, 230, 230, IGNORED),
        ("4: one class above 0.9 is none", 255, 230, 229, FIRST),
        ("4, 6: a class and the background above 0.9 are a conflict", 25, 230, 0, IGNORED),
        ("4: the background below 0.9 is none", 26, 230, 0, FIRST),
        ("5: the strongest class", 200, 100, 120, SECOND),
        ("5: the first of equal classes", 255, 200, 200, FIRST),
        ("5: the background, if it is stronger", 20, 100, 120, 0),
        ("7: background that is not salient", 31, 0, 0, 0),
        ("7: salient background is ignored", 32, 0, 0, IGNORED),
        ("7: nothing is background where all scores count nothing", 255, 0, 0, IGNORED),
        ("7: a map of at most 0.5 makes nothing salient", 20, 127, 0, 0),
        ("7: a map above 0.5 does", 20, 0, 128, IGNORED),
    ],
)
def test_decision_table(rule, saliency, first, second, expected):
    assert label_of(saliency, first, second) == expected, rule


@pytest.mark.parametrize(("pixels", "expected"), [(100, FIRST), (101, IGNORED)])
def test_rule_8_less_than_a_hundredth_of_foreground_is_ignored_altogether(pixels, expected):
    saliency = np.zeros((1, pixels), np.uint8)
    saliency[0, 0] = 255
    label = initial_label(saliency, KEYS[:1], saliency[None])
    assert label[0, 0] == expected
    assert (label[0, 1:] == (0 if expected == FIRST else IGNORED)).all()


@pytest.mark.parametrize(
    ("config", "pixel", "before", "after"),
    [
        ({"least_score": 0.5}, (255, 100, 0), FIRST, IGNORED),
        ({"conflict_score": 0.95}, (255, 235, 240), IGNORED, SECOND),
        ({"conflict_score": 1.0}, (255, 255, 255), IGNORED, FIRST),
        ({"object_score": 0.6}, (20, 140, 0), IGNORED, 0),
        ({"salient_grey": 50}, (40, 0, 0), IGNORED, 0),
    ],
)
def test_every_threshold_is_a_setting(config, pixel, before, after):
    assert (label_of(*pixel), label_of(*pixel, **config)) == (before, after)


def test_the_least_foreground_of_foreground_is_a_setting():
    saliency = np.zeros((1, 50), np.uint8)
    saliency[0, 0] = 255
    label = initial_label(saliency, KEYS[:1], saliency[None], InitialLabelConfig(least_foreground=0.03))
    assert (label == IGNORED).all()


def test_maps_are_stretched_and_constant_ones_count_nothing():
    saliency = np.full((1, 4), 255, np.uint8)
    rising, constant = np.array([[100, 129, 130, 200]]), np.full((1, 4), 200)
    label = initial_label(saliency, KEYS, np.stack([rising, constant]).astype(np.uint8))
    assert label.tolist() == [[IGNORED, IGNORED, FIRST, FIRST]]


def test_without_classes_there_is_no_label():
    saliency = np.arange(256, dtype=np.uint8).reshape(4, 64)
    label = initial_label(saliency, np.zeros(0, int), np.zeros((0, 4, 64), np.uint8))
    assert (label == IGNORED).all()


def test_maps_of_another_size_or_number_are_an_error():
    saliency = np.zeros((4, 6), np.uint8)
    for shape in ((2, 4, 5), (1, 4, 6)):
        with pytest.raises(DataError, match="does not fit"):
            initial_label(saliency, KEYS, np.zeros(shape, np.uint8))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_maps_that_are_not_finite_are_an_error(value):
    with pytest.raises(DataError, match="NaN or infinite"):
        initial_label(np.zeros((4, 6), np.uint8), KEYS[:1], np.full((1, 4, 6), value, np.float32))


@pytest.mark.parametrize("changes", [{"least_score": 1.1}, {"least_foreground": -0.1}, {"salient_grey": 300}])
def test_thresholds_outside_of_their_range_are_refused(changes):
    with pytest.raises(ConfigError, match=next(iter(changes))):
        InitialLabelConfig(**changes)


@pytest.mark.parametrize(("eight_bits", "expected"), [(True, FIRST), (False, SECOND)])
def test_classes_whose_maps_have_one_grey_level_are_equal_unless_maps_count_in_full(eight_bits, expected):
    maps = np.array([[[0.7010, 1, 0]], [[0.7015, 0, 1]]], np.float32)
    evidence = Evidence("one", Cams(KEYS, maps), saliency=np.full((1, 3), 255, np.uint8))
    label = InitialLabels(InitialLabelConfig(), eight_bits)(evidence)
    assert label.tolist() == [[expected, FIRST, SECOND]]


def test_half_precision_of_the_maps_file_changes_no_label():
    grey = np.arange(256, dtype=np.uint8).reshape(1, 2, 128)
    saliency = np.full((2, 128), 120, np.uint8)
    stored = (grey.astype(np.float32) / 255).astype(np.float16).astype(np.float32)
    evidence = Evidence("one", Cams(KEYS[:1], stored), saliency=saliency)
    label = InitialLabels(InitialLabelConfig(), True)(evidence)
    np.testing.assert_array_equal(label, initial_label(saliency, KEYS[:1], grey))


def test_the_background_s_score_is_one_minus_saliency_over_255():
    # 1 - 153 / 255 is 0.4; a class is stronger from there on.
    for grey, expected in ((102.2, FIRST), (101.8, IGNORED)):
        attention = np.array([[[grey, 255, 0]], [[0, 0, 255]]], np.float32)
        label = initial_label(np.array([[153, 255, 255]], np.uint8), KEYS, attention)
        assert label.tolist() == [[expected, FIRST, SECOND]]
