"""What is found in the folders that people have."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.tags_csv import read_csv_names, tags_as_csv
from common.errors import DataError
from common.own.dataset import file_sizes
from common.own.photographs import find_photographs
from common.own.said import said_about


def photographs(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(folder / name)
    return folder


def test_images_beside_a_table(tmp_path: Path) -> None:
    photographs(tmp_path, "one cat.jpg", "zwei.png", "rest.jpg")
    (tmp_path / "my tags.csv").write_text("file,tags\none cat.jpg,cat\nzwei.png,dog;cat\ngone.jpg,cat\n")
    found = find_photographs(tmp_path)
    assert found.tags == {"one cat": ["cat"], "zwei": ["dog", "cat"]}
    assert (found.classes, found.untagged, found.without_file) == (("cat", "dog"), ("rest",), ("gone",))
    assert found.counts() == {"cat": 2, "dog": 1}


def test_folders_named_by_tag(tmp_path: Path) -> None:
    photographs(tmp_path, "fire truck/1.jpg", "fire truck/2.jpg", "bus/1.jpg")
    found = find_photographs(tmp_path)
    assert found.tags == {"bus/1": ["bus"], "fire truck/1": ["fire truck"], "fire truck/2": ["fire truck"]}


def test_json_beside_each_image(tmp_path: Path) -> None:
    photographs(tmp_path, "a.jpg", "b.jpg")
    for name in "ab":
        (tmp_path / f"{name}.json").write_text(
            json.dumps({"shapes": [{"label": name * 2}], "imagePath": f"{name}.jpg"})
        )
    assert find_photographs(tmp_path).tags == {"a": ["aa"], "b": ["bb"]}


def test_names_without_their_folder_find_the_one_image_so_called(tmp_path: Path) -> None:
    photographs(tmp_path, "images/x/a.jpg", "images/y/b.jpg")
    (tmp_path / "tags.csv").write_text("A.jpg,cat\nc.jpg,dog\n")
    found = find_photographs(tmp_path)
    assert (found.tags, found.without_file) == ({"x/a": ["cat"]}, ("c",))


def test_a_name_that_could_be_two_images_is_refused(tmp_path: Path) -> None:
    photographs(tmp_path, "images/x/a.jpg", "images/y/b.jpg", "images/z/b.jpg")
    (tmp_path / "tags.csv").write_text("a.jpg,cat\nb.jpg,dog\n")
    with pytest.raises(DataError, match=r"tags.csv: 'b' could be y/b or z/b; write the folder too"):
        find_photographs(tmp_path)


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path) -> None:
    photographs(tmp_path, "a.jpg")
    with pytest.raises(DataError, match="a.jpg is a file; give the folder that holds your photographs"):
        find_photographs(tmp_path / "a.jpg")


def test_listed_classes_keep_their_order(tmp_path: Path) -> None:
    photographs(tmp_path, "images/a.jpg", "images/b.jpg")
    (tmp_path / "tags.csv").write_text("a,hot dog\nb,cat\n")
    (tmp_path / "classes.txt").write_text("hot dog\ncat\n")
    assert find_photographs(tmp_path).classes == ("hot dog", "cat")


def test_a_tag_that_is_not_listed_names_its_image(tmp_path: Path) -> None:
    photographs(tmp_path, "a.jpg")
    (tmp_path / "tags.csv").write_text("a,zebra\n")
    (tmp_path / "classes.txt").write_text("cat\n")
    with pytest.raises(DataError, match="'a' has the tag 'zebra'"):
        find_photographs(tmp_path)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "has no tags: write tags.csv"),
        ({"one.csv": "a,cat\n", "two.csv": "a,cat\n"}, "one.csv, two.csv.*--tags"),
        ({"tags.csv": "b,cat\n"}, "not one image"),
    ],
)
def test_what_cannot_be_decided_is_asked_back(tmp_path: Path, files: dict[str, str], message: str) -> None:
    photographs(tmp_path, "a.jpg")
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        find_photographs(tmp_path)


def test_an_image_outside_of_the_tag_folders_is_named(tmp_path: Path) -> None:
    photographs(tmp_path, "cat/1.jpg", "loose.jpg")
    with pytest.raises(DataError, match="loose lies in no folder"):
        find_photographs(tmp_path)


def test_pictures_that_are_not_read_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tags.csv").write_text("IMG_1.HEIC;cat\na.jpg;cat\n")
    (tmp_path / "IMG_1.HEIC").touch()
    with pytest.raises(
        DataError, match=r"holds no images .* 1 pictures that are not read \(e\.g\. IMG_1\.HEIC\); save"
    ):
        find_photographs(tmp_path)
    notes = said_about(find_photographs(photographs(tmp_path, "a.jpg")), tmp_path / "out")
    assert any("not read, save them as JPEG: IMG_1.HEIC" in note for note in notes)


def test_ids_come_back_from_the_written_table(tmp_path: Path) -> None:
    photographs(tmp_path / "photos", "cat/photo .jpg", "cat/scan.jpg.png", "cat/Old.Jpg", "dog/it's 100%.jpg")
    found = find_photographs(tmp_path / "photos")
    (tmp_path / "tags.csv").write_text(tags_as_csv(found.tags))
    assert read_csv_names(tmp_path / "tags.csv", found.classes) == found.tags
    assert len(file_sizes(found)) == 4


@pytest.mark.parametrize("name", ["cat/back\\slash.jpg", "cat/new\nline.jpg"])
def test_names_that_no_table_can_hold_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="has a backslash, a line break.*; rename it"):
        find_photographs(photographs(tmp_path, name))
