"""Folders with something wrong: read as meant, or asked back in one line; never a class that nobody meant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import DataError
from common.own.photographs import find_photographs
from common.own.run import said_about


def folder(place: Path, table: str | bytes = "", name: str = "tags.csv", images: str = "a.jpg b.jpg c.jpg") -> Path:
    for image in images.split():
        (place / image).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(place / image)
    if table:
        (place / name).write_bytes(table if isinstance(table, bytes) else table.encode())
    return place


READ = {
    "no header": "a.jpg,cat\nb.jpg,dog;cat\nc.jpg,cat\n",
    "extensions in ids, one in capitals": "id,tags\na.jpg,cat\nb.JPG,dog;cat\nc,cat\n",
    "ids in capitals": "id,tags\nA.jpg,cat\nB.JPG,dog;cat\nC,cat\n",
    "two tags in one quoted cell": 'filename,tags\na.jpg,"cat"\nb.jpg,"dog, cat"\nc.jpg,cat\n',
    "UTF-16": "File name\tTags\r\na.jpg\tcat\r\nb.jpg\tdog, cat\r\nc.jpg\tcat\r\n".encode("utf-16"),
    "a column per class": "filename,cat,dog\na.jpg,1,0\nb.jpg,1,1\nc.jpg,1,0\n",
    "another column before": ",filename,tags\n0,a.jpg,cat\n1,b.jpg,dog;cat\n2,c.jpg,cat\n",
    "places of another machine": "image,tags\nC:\\x\\a.jpg,cat\n/home/x/b.jpg,dog;cat\nc.jpg,cat\n",
}


@pytest.mark.parametrize("table", READ.values(), ids=READ)
def test_a_table_is_read_as_it_was_meant(tmp_path: Path, table: str | bytes) -> None:
    found = find_photographs(folder(tmp_path, table))
    assert {one: sorted(names) for one, names in found.tags.items()} == {
        "a": ["cat"],
        "b": ["cat", "dog"],
        "c": ["cat"],
    }
    assert (found.classes, found.untagged, found.without_file) == (("cat", "dog"), (), ())


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            "filename,tags\na.jpg,cat\nb.jpg;dog\n",
            "line 3 separates its columns with ';', other rows with ','; use one",
        ),
        ("a.jpg,cat\na.JPG,dog\n", "line 2 repeats id 'a'; put all its names in one row"),
        ("filename,tags\na.jpg,\nb.jpg,\n", "names no class: not one of its 2 rows has a tag"),
        ("a.jpg,1,0\nb.jpg,0,1\n", "holds only 0 and 1, and no first line that says for which classes"),
        (
            "Datei;Katze;Hund\na.jpg;x;\nb.jpg;;X\n",
            "has a column of x per class; call the column of the images 'image'",
        ),
        (
            "Datei;Katze;Hund\na.jpg;ja;\nb.jpg;;ja\n",
            r"first row \(Datei, Katze, Hund\) names no image and no tag of another row",
        ),
        ("Bild;Datum;Tags\na.jpg;2024;cat\nb.jpg;2024;dog\n", r"first row \(Bild, Datum, Tags\) names no image"),
        ("filename,cat\na.jpg,0.9\n", "looks like a header, but no column is called tags"),
        ("x.jpg,cat\n", "the tags are of x, the images are a, b, c"),
        ("a.jpg,k\xe4se\n".encode("latin-1"), "is not UTF-8 text"),
    ],
)
def test_a_table_that_cannot_be_meant_so_is_asked_back(tmp_path: Path, table: str | bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        find_photographs(folder(tmp_path, table))
    assert "\n" not in str(caught.value)


def test_a_first_row_of_a_removed_image_is_no_header(tmp_path: Path) -> None:
    found = find_photographs(folder(tmp_path, "gone.jpg;cat;dog\na.jpg;cat\nb.jpg;dog\n"))
    assert (found.classes, found.without_file) == (("cat", "dog"), ("gone",))


@pytest.mark.parametrize(
    ("images", "said"),
    [
        ("train/cat/a.jpg val/cat/b.jpg", "are parts of a dataset and no tags"),
        ("pets/cat/a.jpg pets/dog/b.jpg", r"all images lie in .*pets; if its folders \(cat, dog\) are the tags"),
        ("cat/a.jpg b.jpg", "b lies in no folder that could be its tag"),
        ("cat/a.jpg cat/a.png", "two images of one id"),
    ],
)
def test_folders_that_are_no_tags_are_asked_back(tmp_path: Path, images: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        find_photographs(folder(tmp_path, images=images))


@pytest.mark.parametrize("names", ["tags.csv labels.json", "one.csv two.csv", "tags.csv tags.tsv"])
def test_of_several_files_one_has_to_be_named(tmp_path: Path, names: str) -> None:
    for name in names.split():
        folder(tmp_path, "a.jpg,cat\n", name)
    with pytest.raises(DataError, match=f"several files .*{names.replace(' ', ', ')}.*--tags"):
        find_photographs(tmp_path)
    with pytest.raises(DataError, match="save it as CSV"):
        find_photographs(folder(tmp_path / "sheet", "PK", "my tags.xlsx"))


@pytest.mark.parametrize("name", ["tags.json", "a.json"])
def test_half_an_export_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"cannot read .*{name}: .*it is no complete JSON file: export it again"):
        find_photographs(folder(tmp_path, '{"shapes": [{"lab', name))


def test_what_is_odd_but_possible_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = "filename,tags\na.jpg,cat;dog\nb.jpg,\nc.jpg,cat/dog\ngone.jpg,cat\n"
    notes = said_about(find_photographs(folder(tmp_path / "in", table)), tmp_path / "out")
    assert "1 tags are of images that are not there: gone" in notes
    assert "1 images have an empty row, which says that they show none of the classes: b" in notes
    assert "'cat/dog' looks like 2 tags (cat, dog); separate them with ;" in notes
    assert all(f"note: {note}" in capsys.readouterr().out for note in notes[:1])
