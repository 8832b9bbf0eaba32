"""Tags held against masks: by class, by image, and why they differ."""

import numpy as np
import pytest

from common.data.agreement import COCO_IDS, Agreement, compare_tags, likely_cause
from common.data.classes import COCO_CLASSES

CLASSES = ("dog", "cat", "horse", "bird")


def agreement(tags: list[set[int]], masks: list[set[int]], n_classes: int = len(CLASSES)) -> Agreement:
    """Of images whose tags are 0-based classes and whose masks show labels."""
    vectors = {}
    for place, of_image in enumerate(tags):
        vectors[f"i{place}"] = np.zeros(n_classes, np.float32)
        vectors[f"i{place}"][list(of_image)] = 1
    return compare_tags(vectors, {f"i{p}": dict.fromkeys({0, 255} | one, 5) for p, one in enumerate(masks)}, n_classes)


def under(label_of_class: dict[int, int], n_classes: int = len(CLASSES)) -> Agreement:
    """Two images of every class and one of each pair, with other labels in their masks."""
    tags = [{one} for one in range(n_classes)] * 2 + [{one, (one + 1) % n_classes} for one in range(n_classes)]
    masks = [{label_of_class[one] for one in of_image} - {0} for of_image in tags]
    return agreement(tags, masks, n_classes)


def test_every_class_is_counted_by_tag_and_mask() -> None:
    found = agreement([{0}, {0, 1}, {2}, set()], [{1}, {1}, {2}, {1}])
    assert found.both.tolist() == [2, 0, 0, 0]
    assert found.tag_alone.tolist() == [0, 1, 1, 0]
    assert found.mask_alone.tolist() == [1, 1, 0, 0]
    assert found.n_different == 3
    assert found.of_classes().tolist() == [0.8, 0, 0, 1]
    assert [found.ids[place] for place in found.worst(2)] == ["i2", "i3"]
    assert found.overall == pytest.approx(2 * 2 / (4 + 4))


def test_images_without_tags_or_mask_do_not_count() -> None:
    found = compare_tags({"a": np.ones(1, np.float32), "b": np.ones(1, np.float32)}, {"a": {1: 4}, "c": {1: 4}}, 1)
    assert found.ids == ("a",) and found.n_different == 0 and found.overall == 1


def test_what_annotators_overlook_is_not_systematic() -> None:
    tags = [{0}] * 30 + [{0, 1}] * 10 + [{1}] * 30
    masks = [{1}] * 40 + [{2}] * 30
    found = agreement(tags, masks)
    assert found.n_different == 10 and not found.is_systematic()
    assert "tags without a pixel" in likely_cause(found, CLASSES)


def test_one_wrong_class_among_many_right_ones_is_systematic() -> None:
    found = agreement([{0}] * 60 + [{1}] * 6 + [{2}] * 6, [{1}] * 60 + [{3}] * 6 + [{2}] * 6)
    assert found.overall > 0.8 and found.is_systematic()
    assert likely_cause(found, CLASSES) == "classes may be swapped in tags or masks: cat and horse"


@pytest.mark.parametrize(
    ("label_of_class", "cause"),
    [
        ({0: 2, 1: 3, 2: 4, 3: 5}, "one too high"),
        ({0: 0, 1: 1, 2: 2, 3: 3}, "one too low"),
        ({0: 3, 1: 2, 2: 4, 3: 1}, "alphabetical order"),
        ({0: 4, 1: 3, 2: 2, 3: 1}, "backwards"),
        ({0: 1, 1: 3, 2: 2, 3: 4}, "swapped in tags or masks: cat and horse"),
        ({0: 3, 1: 1, 2: 2, 3: 4}, r"another order of classes: dog is label 1 here, label 3 \(horse\) fits its tags"),
        ({0: 1, 1: 1, 2: 1, 3: 1}, "label 1 alone"),
    ],
)
def test_the_likely_cause_is_named(label_of_class: dict[int, int], cause: str) -> None:
    found = under(label_of_class)
    assert found.is_systematic()
    with pytest.raises(AssertionError, match=cause):
        raise AssertionError(likely_cause(found, CLASSES))


def test_two_swapped_classes_are_not_taken_for_a_shift() -> None:
    assert likely_cause(agreement([{0}, {1}] * 2, [{2}, {1}] * 2, 2), ("cat", "dog")).endswith(
        "swapped in tags or masks: cat and dog"
    )


def test_category_ids_of_coco_are_recognised() -> None:
    assert (len(COCO_IDS), COCO_IDS[11], COCO_IDS[79]) == (80, 13, 90)
    assert "category ids" in likely_cause(under(dict(enumerate(COCO_IDS)), 80), COCO_CLASSES)


def test_missing_tags_are_named() -> None:
    found = agreement([{0}] * 8 + [set()] * 8, [{1, 2}] * 8 + [{1}] * 8)
    assert found.is_systematic() and "tags may be incomplete" in likely_cause(found, CLASSES)


def test_no_cause_is_made_up() -> None:
    found = agreement([{0}, {1}, {2}, {3}, {0, 1}], [{2}, {1, 4}, {1}, {4}, {3}])
    assert found.is_systematic() and likely_cause(found, CLASSES) == ""
    assert likely_cause(agreement([{0}] * 5, [set()] * 5), CLASSES) == ""
