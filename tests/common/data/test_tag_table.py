"""Tables of tags as spreadsheets and annotation tools write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.data.tags_csv import csv_class_names, read_csv_names
from common.errors import DataError


def table(folder: Path, text: str) -> Path:
    path = folder / "tags.csv"
    path.write_text(text, encoding="utf-8-sig")
    return path


EXPECTED = {"a": ["cat"], "b": ["dog", "traffic light"], "c": []}


@pytest.mark.parametrize(
    "text",
    [
        'a.jpg,cat\nb.JPG,"dog","traffic light"\nc.png,\n',
        "a;cat\nb;dog;traffic light\nc;\n",
        "a;cat\nb;dog,traffic light\nc;\n",
        "a\tcat\nb\tdog\ttraffic light\nc\t\n",
        "filename,tags\na.jpg,cat\nb.jpg,dog;traffic light\nc.jpg,\n",
        'Filename;Tags\na.jpg;cat\nb.jpg;"dog";"traffic light"\nc.jpg;\n',
        "filename,width,height,class\na.jpg,5,6,cat\nb.jpg,7,8,dog|traffic light\nc.jpg,9,9,\n",
        ",image,labels\n0,a,cat\n1,b,dog|traffic light\n2,c,\n",
        "filename, cat, dog, traffic light\na.jpg, 1, 0, 0\nb.jpg, 0, 1, 1\nc.jpg, 0, 0, 0\n",
        "image,cat,dog,traffic light\na,x,,\nb,,x,X\nc,,,\n",
    ],
)
def test_every_form_of_table_means_the_same(tmp_path: Path, text: str) -> None:
    path = table(tmp_path, text)
    assert read_csv_names(path, ("cat", "dog", "traffic light")) == EXPECTED
    assert csv_class_names(path) == ("cat", "dog", "traffic light")


def test_spaces_separate_behind_file_names(tmp_path: Path) -> None:
    path = table(tmp_path, "a.jpg cat\nmy b.jpg dog cat\nc.jpg\n")
    assert read_csv_names(path, ("cat", "dog")) == {"a": ["cat"], "my b": ["dog", "cat"], "c": []}


def test_folders_of_windows_are_folders(tmp_path: Path) -> None:
    assert list(read_csv_names(table(tmp_path, "sub\\a.jpg,cat\n.\\b.jpg,cat\n"), ("cat",))) == ["sub/a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("filename,what\na.jpg,cat\nb.jpg,dog\n", "line 1 .filename, what. looks like a header"),
        ("filename,tags\n", "no rows below its header"),
        ("a,cat\nb;dog\nc,cat\n", "line 2 separates its columns with .;., other rows with .,.; use one"),
        ("a cat\nb dog\n", "line 1: expected"),
        ("a.jpg,cat\na.png,dog\n", "line 2 repeats id 'a'"),
        ("filename,tags\n,cat\n", "line 2 has no id"),
    ],
)
def test_what_is_no_known_form_is_asked_back_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_csv_names(table(tmp_path, text), ("cat", "dog"))
