"""Names in tables and the images they mean."""

from __future__ import annotations

import pytest

from common.data.name_index import NameIndex
from common.errors import DataError

IDS = ("x/a", "y/b", "z/b", "y/Cat", "cat2", "x/cat2")


@pytest.mark.parametrize(
    ("name", "image_id"),
    [
        ("x/a", "x/a"),
        ("a", "x/a"),
        ("elsewhere/a", "x/a"),
        ("A", "x/a"),
        ("cat", "y/Cat"),
        ("CAT", "y/Cat"),
        # An id comes before a file name of another folder.
        ("cat2", "cat2"),
        ("dog", None),
        ("x/b2", None),
    ],
)
def test_a_name_finds_the_one_image_so_called(name: str, image_id: str | None) -> None:
    assert NameIndex(IDS).find(name, "tags.csv") == image_id


def test_a_name_of_several_images_is_refused() -> None:
    with pytest.raises(DataError, match="tags.csv: 'b' could be y/b or z/b; write the folder too"):
        NameIndex(IDS).find("b", "tags.csv")


def test_exact_capitals_come_first() -> None:
    assert NameIndex(["x/IMG", "y/img"]).find("IMG", "") == "x/IMG"
