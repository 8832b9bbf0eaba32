"""Lists are known by their content: not by name, order, or what COCO's ids are written with."""

import hashlib

import pytest

from common.data import published_lists
from common.data.published_lists import (
    TRAIN_AUG,
    VOC_TRAIN,
    PublishedList,
    bare_id,
    describe_list,
    list_fingerprint,
    published,
)

WHOLE = ["2007_000032", "2007_000039", "2007_000063"]


@pytest.fixture
def known(monkeypatch):
    """A published list of three images."""
    digits = list_fingerprint(WHOLE)
    lists = {digits: PublishedList(digits, "voc", "the three", 3, 0, 1, "")}
    monkeypatch.setattr(published_lists, "published", lambda: (lists, {}))


def test_the_file_holds_what_was_read_of_the_repositories():
    lists, tags = published()
    assert len(lists) == 89 and len(tags) == 10
    assert (lists[TRAIN_AUG].size, lists[VOC_TRAIN].size) == (10582, 1464)
    assert {one.school for one in tags.values()} == {"xml", "pixels", "sbd"}
    assert all(len(digits) == 64 for digits in (*lists, *tags))
    assert all("@" in one.source and ":" in one.source for one in (*lists.values(), *tags.values()))


def test_the_fingerprint_is_of_the_sorted_unique_ids():
    assert list_fingerprint(["b", "a", "b"]) == hashlib.sha256(b"a\nb").hexdigest()


@pytest.mark.parametrize("form", ["COCO_train2014_000000000009", "train2014/COCO_train2014_000000000009", "9"])
def test_an_image_of_coco_is_one_in_every_form(form):
    assert bare_id(form) == "000000000009"


@pytest.mark.parametrize("form", ["2007_000032", "street_9", "1234567890123"])
def test_other_ids_stay_as_they_are(form):
    assert bare_id(form) == form


@pytest.mark.usefixtures("known")
def test_a_list_is_known_as_a_whole_in_any_order():
    assert describe_list(WHOLE[::-1], {}) == "the three"


@pytest.mark.usefixtures("known")
def test_parts_of_a_known_list_at_hand_and_what_holds_one_are_told():
    others = {"train_aug.txt": WHOLE, "mine.txt": [*WHOLE, "a"]}
    assert describe_list(WHOLE[:2], others) == "a part (2 of 3) of train_aug.txt, which is the three"
    assert describe_list([*WHOLE, "a", "b"], others) == "all of train_aug.txt, which is the three, and 2 more"


@pytest.mark.usefixtures("known")
def test_of_other_lists_nothing_is_said():
    assert describe_list(["a"], {"train_aug.txt": WHOLE}) == describe_list([WHOLE[0], "a"], {"t": WHOLE}) == ""
