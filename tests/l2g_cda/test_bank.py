"""A bank is read by class, whoever made it, and refused when it does not fit the dataset."""

import json

import numpy as np
import pytest

from common.errors import DataError
from l2g_cda.bank import ForegroundBank, read_bank
from l2g_cda.objects import write_foreground
from tests.l2g_cda.bank_samples import foreground


def write_bank(folder, objects, index="seg_fg_dirs.json"):
    """Class number -> objects, each its own file."""
    names = {}
    for number, found in objects.items():
        names[number] = [f"{place}.npz" for place in range(len(found))]
        for name, one in zip(names[number], found, strict=True):
            write_foreground(folder / str(number) / name, one)
    if index.endswith(".json"):
        (folder / index).write_text(json.dumps(names))
    else:
        np.save(folder / index, np.array(names, dtype=object))


@pytest.mark.parametrize("index", ["seg_fg_dirs.json", "seg_fg_dirs.npy"])
def test_objects_are_read_by_class(tmp_path, index):
    write_bank(tmp_path, {0: [foreground(0, 4, 4), foreground(0, 5, 4)], 1: [], 2: [foreground(2)]}, index)
    bank = read_bank(tmp_path, 3)
    assert {number: [one.seg.shape for one in found] for number, found in bank.objects.items()} == {
        0: [(4, 4), (5, 4)],
        2: [(8, 6)],
    }


def test_absent_classes_are_those_of_the_bank_that_the_image_lacks():
    bank = ForegroundBank({0: [foreground(0)], 1: [], 2: [foreground(2)], 3: [foreground(3)]})
    assert bank.absent_classes(np.array([1, 0, 0, 0])) == [2, 3]
    assert bank.absent_classes(np.array([1, 0, 1, 1])) == []


def test_an_empty_bank_is_an_error():
    with pytest.raises(DataError, match="is empty"):
        ForegroundBank({0: []})


def test_an_unfinished_bank_is_an_error_that_says_how_to_make_one(tmp_path):
    with pytest.raises(DataError, match="no finished bank in .*make_bank.py"):
        read_bank(tmp_path, 3)


def test_a_bank_of_a_dataset_with_more_classes_is_an_error(tmp_path):
    write_bank(tmp_path, {3: [foreground(3)]})
    with pytest.raises(DataError, match=r"class 3, but the dataset has classes 0\.\.2"):
        read_bank(tmp_path, 3)


def test_a_class_without_objects_may_have_any_number(tmp_path):
    write_bank(tmp_path, {0: [foreground(0)], 19: []})
    assert list(read_bank(tmp_path, 1).objects) == [0]


def test_an_object_under_the_wrong_class_is_an_error(tmp_path):
    write_bank(tmp_path, {1: [foreground(0)]})
    with pytest.raises(DataError, match="filed under class 1 but shows label 1"):
        read_bank(tmp_path, 3)


def test_an_object_without_saliency_is_an_error_unless_labels_are_pasted(tmp_path):
    write_bank(tmp_path, {0: [foreground(0, saliency=None)]})
    with pytest.raises(DataError, match="set cda.mask to labels"):
        read_bank(tmp_path, 1)
    assert read_bank(tmp_path, 1, with_saliency=False).objects[0][0].saliency is None


def test_a_name_that_leaves_the_bank_is_refused(tmp_path):
    (tmp_path / "seg_fg_dirs.json").write_text(json.dumps({0: ["../../secret.npz"]}))
    with pytest.raises(DataError, match="leaves its root"):
        read_bank(tmp_path, 1)


@pytest.mark.parametrize("content", ["[]", '{"0": "one.npz"}', '{"cat": []}', '{"0": 3}'])
def test_an_index_of_another_form_is_an_error(tmp_path, content):
    (tmp_path / "seg_fg_dirs.json").write_text(content)
    with pytest.raises(DataError, match="no index of a bank"):
        read_bank(tmp_path, 1)
