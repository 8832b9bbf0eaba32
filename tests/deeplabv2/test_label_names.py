"""Labels in pictures have the names of the dataset, or those of a label file."""

import pytest

from common.data.classes import COCO_CLASSES, VOC_CLASSES
from common.errors import DataError
from deeplabv2.dataset import DatasetConfig, label_names


def names(n_labels, **data):
    return label_names(DatasetConfig(**data), n_labels)


@pytest.mark.parametrize(
    ("name", "count", "expected"),
    [
        ("vocaug", 21, ["background", *VOC_CLASSES]),
        ("voc12", 21, ["background", *VOC_CLASSES]),
        ("coco14", 81, ["background", *COCO_CLASSES]),
        ("coco14", 91, ["background", *(f"label {label}" for label in range(1, 91))]),
        ("cocostuff10k", 182, [f"label {label}" for label in range(182)]),
    ],
)
def test_names_are_those_of_the_dataset_or_numbers(name, count, expected):
    assert names(count, dataset=name) == expected


def test_own_classes_are_read_from_the_dataset_and_their_absence_is_no_fault(tmp_path):
    assert names(3, dataset="folder", root=str(tmp_path)) == ["background", "label 1", "label 2"]
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    assert names(3, dataset="folder", root=str(tmp_path)) == ["background", "cat", "dog"]


def test_a_label_file_names_a_number_by_its_first_name(tmp_path):
    (tmp_path / "labels.txt").write_text("0\tperson\n2\ttraffic light, lamp\n200\tbeyond\n")
    named = names(4, dataset="cocostuff164k", label_names=str(tmp_path / "labels.txt"))
    assert named == ["person", "label 1", "traffic light", "label 3"]


@pytest.mark.parametrize("text", ["person\n", "x\tperson\n", "3\t\n"])
def test_a_line_of_another_form_is_named(tmp_path, text):
    (tmp_path / "labels.txt").write_text("0\tbackground\n" + text)
    with pytest.raises(DataError, match="line 2"):
        names(21, label_names=str(tmp_path / "labels.txt"))
