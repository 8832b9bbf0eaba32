"""Slips of the keyboard among class names."""

from __future__ import annotations

from common.data.spelling import compound_names, inseparable_names, likely_slips, mended, odd_names, rare_classes


def test_capitals_spaces_and_rare_near_names_are_slips() -> None:
    counts = {"dog": 50, "Dog": 3, "traffic light": 40, "traffic-light": 2, "elephant": 30, "elefant": 1}
    assert likely_slips(counts) == {"Dog": "dog", "traffic-light": "traffic light", "elefant": "elephant"}


def test_frequent_or_different_names_are_none() -> None:
    assert likely_slips({"cat": 50, "bat": 40, "cow": 2, "motorbike": 20, "motorboat": 15}) == {}


def test_rare_classes_are_named() -> None:
    assert rare_classes({"dog": 10, "cat": 9}) == ["cat"]


def test_two_tags_that_a_table_did_not_separate_are_named_where_both_are_classes() -> None:
    assert compound_names({"cat/dog": 1, "cat": 5, "dog": 5, "tv/monitor": 3, "cat and dog": 1}) == {
        "cat/dog": ["cat", "dog"],
        "cat and dog": ["cat", "dog"],
    }


def test_words_of_one_tag_are_on_the_same_images() -> None:
    tags = {"a": ["fire", "truck"], "b": ["truck", "fire", "man"], "c": ["man"], "d": ["x", "y"]}
    assert inseparable_names(tags) == [("fire", "truck")]
    said = odd_names(tags, {"fire": 2, "truck": 2, "man": 2, "x": 1, "y": 1, "x/y": 1})
    assert said == [
        "'x/y' looks like 2 tags (x, y); separate them with ;",
        "'fire' and 'truck' are always on the same images; if they are one tag, list 'fire truck' in classes.txt",
    ]


def test_mended_tags_name_what_was_meant_once() -> None:
    assert mended({"a": ["Dog", "dog", "cat"], "b": []}, {"Dog": "dog"}) == {"a": ["dog", "cat"], "b": []}
