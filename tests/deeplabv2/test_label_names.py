"""Labels in pictures have the names of the dataset, or those of a label file."""

import pytest

from common.data.classes import COCO_CLASSES, VOC_CLASSES
from common.errors import DataError
from deeplabv2.label_names import label_names
from deeplabv2.sections_data import Dataset
from deeplabv2.settings import DeepLabConfig


def names(**dataset):
    return label_names(DeepLabConfig(DATASET=Dataset(**dataset)))


@pytest.mark.parametrize(
    ("name", "count", "expected"),
    [
        ("vocaug", 21, ["background", *VOC_CLASSES]),
        ("voc", 21, ["background", *VOC_CLASSES]),
        ("coco", 81, ["background", *COCO_CLASSES]),
        ("coco", 91, ["background", *(f"label {label}" for label in range(1, 91))]),
        ("cocostuff10k", 182, [f"label {label}" for label in range(182)]),
    ],
)
def test_names_are_those_of_the_dataset_or_numbers(name, count, expected):
    assert names(NAME=name, N_CLASSES=count) == expected


def test_own_classes_are_read_from_the_dataset_and_their_absence_is_no_fault(tmp_path):
    assert names(NAME="folder", N_CLASSES=3, ROOT=str(tmp_path)) == ["background", "label 1", "label 2"]
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    assert names(NAME="folder", N_CLASSES=3, ROOT=str(tmp_path)) == ["background", "cat", "dog"]


def test_a_label_file_names_a_number_by_its_first_name(tmp_path):
    (tmp_path / "labels.txt").write_text("0\tperson\n2\ttraffic light, lamp\n200\tbeyond\n")
    named = names(NAME="cocostuff164k", N_CLASSES=4, LABELS=str(tmp_path / "labels.txt"))
    assert named == ["person", "label 1", "traffic light", "label 3"]


@pytest.mark.parametrize("text", ["person\n", "x\tperson\n", "3\t\n"])
def test_a_line_of_another_form_is_named(tmp_path, text):
    (tmp_path / "labels.txt").write_text("0\tbackground\n" + text)
    with pytest.raises(DataError, match="line 2"):
        names(LABELS=str(tmp_path / "labels.txt"))
