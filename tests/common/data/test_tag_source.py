"""A result can say which tags it is of: the form of the file does not matter, a single tag does."""

import hashlib

import numpy as np
import pytest

from common.data import tag_source
from common.data.classes import VOC_CLASSES
from common.data.layout import DataConfig, open_layout
from common.data.published_lists import PublishedTags
from common.data.tag_fingerprint import tag_fingerprint
from common.data.tag_source import describe_tags, same_tags, school_named
from common.errors import DataError

TAGS = {"b": np.array([0, 1, 1]), "a": np.array([1.0, 0, 0]), "c": np.array([0, 0, 0])}


def dataset(root, name):
    """A dataset of the images a, b, c whose tags are in a file of that name."""
    root.mkdir()
    (root / "JPEGImages").mkdir()
    (root / "classes.txt").write_text("ring\ndisc\nbar\n")
    if name.endswith(".npy"):
        np.save(root / name, np.array({image_id: tags.astype(np.float32) for image_id, tags in TAGS.items()}, object))
    else:
        (root / name).write_text("a,ring\nb,bar disc\nc,\n")
    return open_layout(DataConfig(dataset="folder", root=str(root), tags=name))


def test_the_fingerprint_is_that_of_the_published_lists():
    assert tag_fingerprint(TAGS) == hashlib.sha256(b"a:0\nb:1,2\nc:").hexdigest()


def test_ids_of_coco_count_with_and_without_the_name_of_their_year():
    bare, named = ({f"{start}0000000000{n:02d}": TAGS["a"] for n in (9, 25)} for start in ("", "COCO_train2014_"))
    assert tag_fingerprint(bare) == tag_fingerprint(named)


def test_one_more_tag_is_another_fingerprint():
    assert tag_fingerprint({**TAGS, "a": np.array([1, 0, 1])}) != tag_fingerprint(TAGS)


def test_two_forms_of_the_same_tags_differ_in_the_name_of_the_file_alone(tmp_path):
    said = [describe_tags(dataset(tmp_path / name, name), ["a", "b", "c"]) for name in ("tags.csv", "cls_labels.npy")]
    digits = tag_fingerprint(TAGS)[:8]
    assert said == [f"tags.csv {digits}", f"cls_labels.npy {digits}"]


def test_only_the_tags_of_the_list_count(tmp_path):
    layout = dataset(tmp_path / "data", "tags.csv")
    assert describe_tags(layout, ["a"]).split()[1] == tag_fingerprint({"a": TAGS["a"]})[:8]


def test_known_tags_are_named(tmp_path, monkeypatch):
    digits = tag_fingerprint(TAGS)
    known = {digits: PublishedTags("xml", "three images, all objects", 3, 3, 1, "")}
    monkeypatch.setattr(tag_source, "published", lambda: ({}, known))
    layout = dataset(tmp_path / "data", "tags.csv")
    said = describe_tags(layout, ["c", "b", "a"])
    assert said == f"tags.csv {digits[:8]} (school xml: three images, all objects)" and school_named(said) == "xml"


def test_a_part_of_voc_names_its_school(tmp_path):
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "tags.csv").write_text("2008_001550,chair;sofa\n2007_000032,aeroplane;person\n")
    layout = open_layout(DataConfig(root=str(tmp_path)))
    assert layout.classes == VOC_CLASSES
    assert describe_tags(layout, layout.all_tags()).endswith(" (school xml in the 1 images where schools differ)")
    assert school_named(describe_tags(layout, ["2007_000032"])) == ""


def test_the_name_of_the_school_is_no_part_of_what_is_compared():
    assert same_tags("tags.csv 01234567", "tags.csv 01234567 (school xml)")
    assert not same_tags("tags.csv 01234567", "tags.csv 01234568 (school xml)")


def test_an_image_without_tags_is_an_error(tmp_path):
    with pytest.raises(DataError, match="d"):
        describe_tags(dataset(tmp_path / "data", "tags.csv"), ["a", "d"])
