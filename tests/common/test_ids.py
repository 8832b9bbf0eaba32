"""One function turns an image id into a path, and refuses what leads out of its folder."""

import pytest

from common.errors import DataError
from common.paths import LONGEST_NAME, fault_of_id, path_of_id, require_id, resolve_inside

DRIVE = "C" + ":"
REFUSED = [
    "/x/y", "//host/share/x", "\\\\host\\share\\x", "\\x", DRIVE + "\\x", DRIVE + "/x", "c:x", "..", "../x", "a/../../x", "a/../b",
    "a\\..\\..\\x", "a/..", "", ".", "a/", "a\\", "a/.", "a\0b", "x" * 300, "a/" + "x" * 256, "a/" * 1500 + "b", "\ud800",
]  # fmt: skip
TAKEN = [
    "2007_000032",
    "train2014/COCO_1",
    "a.b",
    "my cat 1",
    "id-ü",
    "..a",
    "a..",
    "...",
    "-x",
    "./x",
    "a//b",
    "a b/c d",
    "日本",
]


@pytest.mark.parametrize("image_id", REFUSED)
def test_an_id_that_leaves_its_folder_or_names_no_file_is_refused(tmp_path, image_id):
    with pytest.raises(DataError, match="refused") as caught:
        path_of_id(tmp_path, image_id, ".png")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    with pytest.raises(DataError, match=r"list\.txt line 3: the id .* refused"):
        require_id(image_id, "list.txt line 3")


@pytest.mark.parametrize("image_id", TAKEN)
def test_every_other_id_names_a_file_inside(tmp_path, image_id):
    path = path_of_id(tmp_path, image_id, ".png")
    assert path.name.endswith(".png") and path.resolve().is_relative_to(tmp_path.resolve())
    assert not fault_of_id(image_id)


def test_a_name_counts_with_its_ending(tmp_path):
    path_of_id(tmp_path, "x" * (LONGEST_NAME - 4), ".png").touch()
    with pytest.raises(DataError, match="bytes long"):
        path_of_id(tmp_path, "x" * LONGEST_NAME, ".png")


@pytest.mark.parametrize("relative", ["", "/", ".", "a\0b", "x" * 300, "C:/x", "/\\..\\x", "a\\..\\..\\x", "\ud800"])
def test_a_path_of_a_list_has_to_name_a_file_below_its_root(tmp_path, relative):
    with pytest.raises(DataError, match="path .* refused"):
        resolve_inside(tmp_path, relative)
