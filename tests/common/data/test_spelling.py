"""Slips of the keyboard among class names."""

from __future__ import annotations

from common.data.spelling import likely_slips, rare_classes


def test_capitals_spaces_and_rare_near_names_are_slips() -> None:
    counts = {"dog": 50, "Dog": 3, "traffic light": 40, "traffic-light": 2, "elephant": 30, "elefant": 1}
    assert likely_slips(counts) == {"Dog": "dog", "traffic-light": "traffic light", "elefant": "elephant"}


def test_frequent_or_different_names_are_none() -> None:
    assert likely_slips({"cat": 50, "bat": 40, "cow": 2, "motorbike": 20, "motorboat": 15}) == {}


def test_rare_classes_are_named() -> None:
    assert rare_classes({"dog": 10, "cat": 9}) == ["cat"]
