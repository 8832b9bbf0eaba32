"""Confident labels lie where both thresholds agree; base labels say what refined them."""

import numpy as np
import pytest

from common.cam.files import Cams
from common.errors import ConfigError
from common.pseudo_labels.rule import CamRule, Evidence
from sod_wsss.label_rules import BaseLabelConfig, ConfidentLabels


def evidence(maps, keys):
    """An image in which each third of the columns has a grey level of its own, and maps."""
    image = np.repeat(np.array([0, 120, 250], np.uint8), 12)[None, :, None].repeat(20, 0).repeat(3, 2)
    return Evidence("one", Cams(np.array(keys, int), np.asarray(maps, np.float32)), np.ascontiguousarray(image))


def thirds(*values):
    return np.repeat(np.array(values), 12)[None].repeat(20, 0)


def test_what_exceeds_the_greater_threshold_is_foreground_and_what_stays_below_the_smaller_background():
    label_map = ConfidentLabels(0.4, 0.1)(evidence([thirds(0.9, 0.3, 0.0)], [6]))
    assert label_map.dtype == np.uint8
    np.testing.assert_array_equal(label_map, thirds(7, 255, 0))


def test_the_stronger_of_two_classes_is_taken():
    label_map = ConfidentLabels(0.4, 0.1)(evidence([thirds(0.9, 0.3, 0.0), thirds(0.5, 0.6, 0.0)], [6, 2]))
    np.testing.assert_array_equal(label_map, thirds(7, 3, 0))


@pytest.mark.parametrize("rule", [ConfidentLabels(0.4, 0.1), CamRule(BaseLabelConfig(), 21, 1)])
def test_an_image_without_tags_is_background(rule):
    label_map = rule(evidence(np.zeros((0, 20, 36)), []))
    assert label_map.shape == (20, 36) and not label_map.any()


def test_more_iterations_remove_what_the_image_does_not_show():
    maps = thirds(0.9, 0.0, 0.0)
    maps[3:5, 30:32] = 0.9
    once, often = (CamRule(BaseLabelConfig(), 21, count)(evidence([maps], [4])) for count in (0, 10))
    assert once[3, 30] == 5 and often[3, 30] == 0 and (often[:, :10] == 5).all()


def test_a_result_says_how_many_iterations_there_were():
    assert (
        BaseLabelConfig().crf_in_words.endswith(" 1 iterations") and BaseLabelConfig(crf="none").crf_in_words == "none"
    )
    with pytest.raises(ConfigError, match="labels.crf_iterations is -1"):
        BaseLabelConfig(crf_iterations=-1)
