import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.data.classes import VOC_CLASSES
from common.data.lists import read_list
from common.data.tags import read_tags
from common.data.tags_csv import csv_class_names
from common.errors import DataError

CLASSES = ("cat", "dog", "hot dog", "traffic light")


def tags_of(path: Path, ids: list[str] | None = None) -> dict[str, list[float]]:
    tags = read_tags(path, CLASSES, ids)
    assert all(value.dtype == np.float32 for value in tags.values())
    return {image_id: value.tolist() for image_id, value in tags.items()}


def write(path: Path, content: Any) -> Path:
    if path.suffix == ".npy":
        np.save(path, content)
    elif path.suffix == ".pkl":
        path.write_bytes(pickle.dumps(content))
    else:
        path.write_text(content, encoding="utf-8")
    return path


def annotation(*names: str, box: str = "") -> str:
    parts = "".join(f"<object><name>{n}</name>{box}<part><name>head</name></part></object>" for n in names)
    return f"<annotation><filename>x</filename>{parts}</annotation>"


def test_every_form_gives_the_same_vectors(tmp_path: Path) -> None:
    (tmp_path / "Annotations").mkdir()
    write(tmp_path / "Annotations" / "a.xml", annotation("cat", "hot dog", "cat"))
    write(tmp_path / "Annotations" / "b.xml", annotation("dog"))
    write(tmp_path / "t.npy", {"a": np.array([1, 0, 1, 0.0]), "b": [0, 1, 0, 0]})
    write(tmp_path / "t.pkl", {"a": np.array([1, 3]), "b": np.array([2])})
    write(tmp_path / "t.txt", "a 0 2 \nb 1\n")
    write(tmp_path / "t.csv", "a,cat hot dog\nb,dog\n")
    for name in ("Annotations", "t.npy", "t.pkl", "t.txt", "t.csv"):
        assert tags_of(tmp_path / name) == {"a": [1, 0, 1, 0], "b": [0, 1, 0, 0]}
        assert list(tags_of(tmp_path / name, ["b"])) == ["b"]


@pytest.mark.parametrize(
    "row",
    [
        "a,cat traffic light",
        "a,traffic light cat",
        "a,cat;traffic light",
        "a, cat | traffic light ",
        "a,cat,traffic light",
        'a,"cat","traffic light"',
        'a,"cat traffic light"',
    ],
)
def test_names_with_spaces_work_in_every_way_of_writing_them(tmp_path: Path, row: str) -> None:
    assert tags_of(write(tmp_path / "t.csv", row + "\n")) == {"a": [1, 0, 0, 1]}


def test_a_row_without_names_is_an_image_without_classes(tmp_path: Path) -> None:
    assert tags_of(write(tmp_path / "t.csv", "a,\nb,cat\n"))["a"] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a cat\n", "line 1: expected"),
        ("a,cat\na,dog\n", "line 2 repeats id 'a'"),
        ("\n", "is empty"),
        (",cat", "line 1"),
    ],
)
def test_broken_csv_is_an_error_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"t\.csv.*{message}"):
        tags_of(write(tmp_path / "t.csv", text))


def test_class_names_of_a_csv_without_a_class_list(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    assert csv_class_names(write(path, "a,dog cat\nb,cat\n")) == ("cat", "dog")
    assert csv_class_names(write(path, "a,traffic light\nb,cat;dog\n")) == ("cat", "dog", "traffic light")
    assert csv_class_names(write(path, 'a,"traffic light"\nb,cat\n')) == ("cat", "traffic light")
    with pytest.raises(DataError, match="names no class: not one of its 1 rows"):
        csv_class_names(write(path, "a,\n"))


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("t.csv", "img,zebra\n", "'zebra'"),
        ("t.txt", "img 4\n", "number 4"),
        ("t.pkl", {"img": np.array([0])}, "number 0 .expected 1..4"),
        ("t.pkl", {"img": np.array([5])}, "number 5"),
    ],
)
def test_unknown_classes_name_image_class_file_and_what_is_known(
    tmp_path: Path, name: str, content: Any, what: str
) -> None:
    with pytest.raises(DataError, match=rf"{name}: image 'img' has the unknown class {what}.*cat, dog, hot dog"):
        tags_of(write(tmp_path / name, content))


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        ([1, 0, 0], r"shape \(3,\), but there are 4 classes"),
        ([1, 1, 0, 0, 0], "include the background"),
        ([1, 2, 0, 0], "not all 0 or 1"),
        ([np.nan, 0, 0, 0], "not all 0 or 1"),
        (["a", "b", "c", "d"], "not all 0 or 1"),
    ],
)
def test_vectors_that_do_not_fit_are_errors(tmp_path: Path, vector: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        tags_of(write(tmp_path / "t.npy", {"a": np.array(vector)}))


def test_integer_keys_become_text_and_irn_numbers_become_voc_ids(tmp_path: Path) -> None:
    row = [1, 0, 0, 0]
    path = write(tmp_path / "t.npy", {9: row, 2007000032: row, np.int64(2008000001): row, "x": row})
    assert list(tags_of(path)) == ["9", "2007_000032", "2008_000001", "x"]


def test_requested_images_without_tags_are_counted_and_named(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "a,cat\n")
    with pytest.raises(DataError, match=r"7 of 8 images have no tags in .*t\.csv: b0, b1, b2, b3, b4, \.\.\."):
        tags_of(path, ["a"] + [f"b{i}" for i in range(7)])


def test_annotations_of_requested_images_must_exist(tmp_path: Path) -> None:
    write(tmp_path / "a.xml", annotation("cat"))
    with pytest.raises(DataError, match="1 of 2 images have no tags"):
        tags_of(tmp_path, ["a", "b"])
    with pytest.raises(DataError, match="leaves its root"):
        tags_of(tmp_path, ["../a"])


def test_objects_whose_box_has_no_area_do_not_count(tmp_path: Path) -> None:
    box = "<bndbox><xmin>5</xmin><ymin>5</ymin><xmax>5</xmax><ymax>9</ymax></bndbox>"
    write(tmp_path / "a.xml", annotation("cat", box=box))
    write(tmp_path / "b.xml", annotation("cat", box=box.replace("<xmax>5", "<xmax>6")))
    assert tags_of(tmp_path) == {"a": [0, 0, 0, 0], "b": [1, 0, 0, 0]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_with_entities_is_refused(tmp_path: Path, encoding: str) -> None:
    text = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "cat">]>' + annotation("&x;")
    (tmp_path / "a.xml").write_text(text, encoding=encoding)
    with pytest.raises(DataError, match=r"a\.xml .*document type"):
        tags_of(tmp_path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    for name, content, message in (
        ("t.txt", "a\nb\n", "list without tags"),
        ("t.npy", np.zeros(3), "not a dictionary"),
        ("t.pkl", {"a": "cat"}, "not a sequence of class numbers"),
        ("t.json", "{}", "no known form"),
    ):
        with pytest.raises(DataError, match=message):
            tags_of(write(tmp_path / name, content))
    with pytest.raises(DataError, match=r"absent\.csv do not exist"):
        tags_of(tmp_path / "absent.csv")


def test_all_forms_of_the_real_tags_agree(shared: Path, tmp_path: Path) -> None:
    root = shared / "data/voc_animals"
    lists = root / "ImageSets/SegmentationAug"
    ids = [entry.id for split in ("train_cls", "val_cls") for entry in read_list(lists / f"{split}.txt")]
    from_npy = read_tags(root / "cls_labels.npy", VOC_CLASSES, ids)
    from_csv = read_tags(root / "tags.csv", VOC_CLASSES, ids)
    from_txt = read_tags(lists / "train_cls.txt", VOC_CLASSES) | read_tags(lists / "val_cls.txt", VOC_CLASSES)
    numbers = {image_id: np.flatnonzero(from_npy[image_id]) + 1 for image_id in ids}
    from_pkl = read_tags(write(tmp_path / "im_tags.pkl", numbers), VOC_CLASSES, ids)
    for other in (from_csv, from_txt, from_pkl):
        assert list(other) == ids
        assert all((other[image_id] == from_npy[image_id]).all() for image_id in ids)
