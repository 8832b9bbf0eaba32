"""Which labels of a dataset are scored."""

import pytest

from common.errors import ConfigError
from common.metrics.selection import score_labels

CLASSES = ("ring", "disc", "star")


def test_without_a_choice_everything_is_scored_with_the_background_first():
    assert score_labels(CLASSES) == ([0, 1, 2, 3], ["background", "ring", "disc", "star"])


def test_the_background_is_always_scored_and_the_order_is_that_of_the_labels():
    assert score_labels(CLASSES, ["star", "ring"]) == ([0, 1, 3], ["background", "ring", "star"])


def test_naming_the_background_changes_nothing():
    assert score_labels(CLASSES, ["background", "disc"]) == score_labels(CLASSES, ["disc"])


def test_an_unknown_name_is_an_error_that_names_it_and_the_classes():
    with pytest.raises(ConfigError, match="cannot score square, Disc: the dataset's classes are ring, disc, star"):
        score_labels(CLASSES, ["square", "disc", "Disc"])
