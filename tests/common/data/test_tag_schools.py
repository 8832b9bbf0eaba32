"""VOC's three schools of tags: told apart, and each made exactly of each other, whole or in part."""

import os
from pathlib import Path

import numpy as np
import pytest

from common.data.classes import VOC_CLASSES
from common.data.layout import DataConfig, open_layout
from common.data.published_lists import TRAIN_AUG, list_fingerprint, published
from common.data.tag_fingerprint import tag_fingerprint
from common.data.tag_schools import (
    TAG_SCHOOLS,
    contradictions,
    describe_school,
    require_published,
    school_rows,
    schools_that_fit,
    to_school,
)
from common.data.tags import vector
from common.errors import DataError

# A file of VOC's tags of the whole trainaug list, of any school, where a test may read one.
FULL_TAGS = os.environ.get("VOC_TAGS", "")
# Of the csv: chair and sofa have no pixel for either; a dog has a pixel in the official mask and none in SBD's.
BOTH = "2008_001550"
OFFICIAL = next(i for i, row in school_rows().items() if "sbd" in row.named and row.named["pixels"] - row.named["sbd"])


def tags_of(school, *, others=(), ids=None):
    """The tags of the images on which schools differ, with further classes of every image that no school drops."""
    rows = school_rows()
    return {
        i: vector([*rows[i].named.get(school, ()), *(set(others) - rows[i].differing)], len(VOC_CLASSES))
        for i in (ids or rows)
    }


def test_the_table_has_the_tags_that_the_published_files_differ_by():
    rows = [row for row in school_rows().values() if "sbd" in row.named]
    dropped = {school: sum(len(row.differing - row.named[school]) for row in rows) for school in TAG_SCHOOLS}
    n_tags = {known.school: known.n_tags for known in published()[1].values() if known.size == 10582}
    assert len(rows) == 896 and dropped == {school: n_tags["xml"] - n_tags[school] for school in TAG_SCHOOLS}
    assert sum(row.differing != row.named["pixels"] for row in rows) == 817


@pytest.mark.parametrize("source", TAG_SCHOOLS)
@pytest.mark.parametrize("target", TAG_SCHOOLS)
def test_each_school_is_made_of_each_other_and_all_other_tags_are_left_alone(source, target):
    train = [i for i, row in school_rows().items() if "sbd" in row.named]
    made = to_school(tags_of(source, others=[0, 14], ids=train), target)
    expected = tags_of(target, others=[0, 14], ids=train)
    assert list(made) == train
    assert all(np.array_equal(made[i], expected[i]) for i in train)


def test_an_image_on_which_schools_agree_keeps_its_tags():
    tags = {"2007_000032": vector([0, 14], 20), BOTH: tags_of("xml", ids=[BOTH])[BOTH]}
    made = to_school(tags, "pixels")
    assert made["2007_000032"].tolist() == tags["2007_000032"].tolist() and not made[BOTH].any()
    assert tags[BOTH].any(), "the tags that were given must not change"


def test_val_differs_in_one_person_of_which_the_annotation_has_no_object():
    made = to_school({"2008_005245": vector([3], 20)}, "pixels")
    assert np.flatnonzero(made["2008_005245"]).tolist() == [3, VOC_CLASSES.index("person")]


@pytest.mark.parametrize("school", TAG_SCHOOLS)
def test_a_part_of_a_list_tells_its_school(school):
    tags = tags_of(school, others=[0], ids=[BOTH, OFFICIAL])
    assert schools_that_fit(tags) == [school]
    assert describe_school(tags, VOC_CLASSES) == f"school {school} in the 2 images where schools differ"


def test_a_part_that_cannot_tell_two_schools_names_none():
    tags = tags_of("pixels", ids=[BOTH])
    assert schools_that_fit(tags) == ["pixels", "sbd"] and describe_school(tags, VOC_CLASSES) == ""


def test_other_datasets_have_no_school():
    assert describe_school({BOTH: np.zeros(3, np.float32)}, ("a", "b", "c")) == ""


def test_tags_of_no_school_are_refused_by_name():
    tags = tags_of("xml") | {BOTH: vector([8], 20)}
    assert contradictions(tags, "xml") == [BOTH]
    with pytest.raises(DataError, match=f"1 images have tags of none of the schools.*{BOTH}"):
        to_school(tags, "pixels")


def test_a_whole_published_list_must_have_the_published_tags(monkeypatch):
    monkeypatch.setattr("common.data.tag_schools.list_fingerprint", lambda ids: TRAIN_AUG)
    with pytest.raises(DataError, match="fingerprint .*, published is d9d76be6"):
        require_published(tags_of("pixels"), "pixels")


@pytest.mark.skipif(not FULL_TAGS, reason="VOC_TAGS names no file of VOC's tags of the 10,582 images")
@pytest.mark.parametrize("school", TAG_SCHOOLS)
def test_the_whole_list_has_the_published_fingerprint(school, tmp_path):
    """``VOC_TAGS=.../cls_labels.npy VOC_LIST=.../train_aug.txt pytest tests/common/data/test_tag_schools.py``"""
    config = DataConfig(root=str(tmp_path), tags=str(Path(FULL_TAGS).absolute()), train_list=os.environ["VOC_LIST"])
    layout = open_layout(config)
    made = to_school(layout.read_tags(layout.ids("train")), school)
    assert list_fingerprint(made) == TRAIN_AUG
    assert published()[1][tag_fingerprint(made)].school == school
