from pathlib import Path

import pytest

from common.data.lists import ListEntry, read_list
from common.errors import DataError


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "list.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_ids_are_opaque(tmp_path: Path) -> None:
    path = write(tmp_path, "2007_000032\na.b\nmy cat\nmy dog 2\ntrain2014/COCO_1\n\nid-ü\n")
    assert [entry.id for entry in read_list(path)] == [
        "2007_000032", "a.b", "my cat", "my dog 2", "train2014/COCO_1", "id-ü",
    ]  # fmt: skip
    assert read_list(path)[0] == ListEntry("2007_000032")


def test_path_pairs_keep_both_paths_and_name_the_image(tmp_path: Path) -> None:
    path = write(tmp_path, "/JPEGImages/a.b.jpg /Labels/a.b.png\n/JPEGImages/my cat.JPG /Labels/my cat.png\n")
    assert read_list(path) == [
        ListEntry("a.b", "/JPEGImages/a.b.jpg", "/Labels/a.b.png"),
        ListEntry("my cat", "/JPEGImages/my cat.JPG", "/Labels/my cat.png"),
    ]


def test_a_path_alone_is_an_image(tmp_path: Path) -> None:
    assert read_list(write(tmp_path, "/JPEGImages/2008_1.jpg\n")) == [ListEntry("2008_1", "/JPEGImages/2008_1.jpg")]


def test_file_names_without_folder_only_give_ids(tmp_path: Path) -> None:
    assert read_list(write(tmp_path, "my cat 1.jpg\nmy cat 2.jpg\n")) == [
        ListEntry("my cat 1"),
        ListEntry("my cat 2"),
    ]


def test_class_numbers_follow_the_id(tmp_path: Path) -> None:
    assert read_list(write(tmp_path, "2007_000063 8 11 \r\nCOCO_9 0\r\n")) == [
        ListEntry("2007_000063", classes=(8, 11)),
        ListEntry("COCO_9", classes=(0,)),
    ]


@pytest.mark.parametrize("text", ["a 1\nb\n", "/J/a.jpg /S/a.png\nb\n", "/J/a.jpg\nb 1\n", "a 1\nb 2\nc 3 dog\n"])
def test_mixed_styles_are_an_error_with_the_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"list\.txt mixes styles: line 1 .* line [23]"):
        read_list(write(tmp_path, text))


@pytest.mark.parametrize(
    "text", ["a\nb\na\n", "/J/a.jpg /S/a.png\n/J/b.jpg /S/b.png\n/K/a.jpg /S/c.png", "a 1\nb 1\na 2"]
)
def test_a_repeated_id_is_an_error_with_the_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"list\.txt line 3 repeats id 'a' of line 1"):
        read_list(write(tmp_path, text))


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_list_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"list\.txt is empty"):
        read_list(write(tmp_path, text))


def test_missing_and_binary_lists_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_list(tmp_path / "absent.txt")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not UTF-8"):
        read_list(tmp_path / "binary.txt")


def test_the_three_styles_of_real_lists_give_the_same_ids(shared: Path) -> None:
    folder = shared / "data/voc_animals/ImageSets/SegmentationAug"
    for split, cls in (("train_aug", "train_cls"), ("val", "val_cls")):
        plain, pairs, classes = (read_list(folder / f"{name}.txt") for name in (split, f"{split}_pairs", cls))
        assert [e.id for e in plain] == [e.id for e in pairs] == [e.id for e in classes]
        assert all(entry.image and entry.label for entry in pairs)
        assert all(entry.classes for entry in classes)
