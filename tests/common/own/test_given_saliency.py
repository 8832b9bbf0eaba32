"""Saliency maps from elsewhere are looked at before anything is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import DataError
from common.own.given_saliency import look_at_saliency
from common.own.photographs import Photographs

IDS = ("my cat 1", "sub/b")


@pytest.fixture
def photographs(tmp_path: Path) -> Photographs:
    for name in IDS:
        save(np.zeros((4, 6, 3)), tmp_path / "photos" / f"{name}.jpg")
    return Photographs(tmp_path / "photos", {one: ["cat"] for one in IDS}, ("cat",), "tags", (), ())


def save(levels: np.ndarray, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(levels.astype(np.float32 if levels.dtype == np.float32 else np.uint8)).save(file)


@pytest.mark.parametrize(
    ("levels", "kind"),
    [
        (np.arange(24).reshape(4, 6), "soft"),
        (np.eye(4, 6), "objects cut out (two values)"),
        (255 * np.eye(4, 6), "objects cut out (two values)"),
        (np.linspace(0, 1, 24, dtype=np.float32).reshape(4, 6), "soft"),
    ],
)
def test_the_page_says_what_they_are(tmp_path: Path, photographs: Photographs, levels: np.ndarray, kind: str) -> None:
    for name in IDS:
        save(levels, tmp_path / "maps" / f"{name}.{'tif' if levels.dtype == np.float32 else 'png'}")
    assert look_at_saliency(tmp_path / "maps", photographs, IDS) == f"2 maps of {tmp_path / 'maps'}, {kind}"


def test_a_photograph_without_a_map_is_named(tmp_path: Path, photographs: Photographs) -> None:
    save(np.eye(4, 6), tmp_path / "maps" / "sub" / "b.png")
    with pytest.raises(
        DataError, match=r"1 of 2 photographs have no saliency map in .*maps: my cat 1\. A map is called"
    ):
        look_at_saliency(tmp_path / "maps", photographs, IDS)


def test_a_map_of_another_size_or_range_is_named(tmp_path: Path, photographs: Photographs) -> None:
    for name in IDS:
        save(np.eye(6, 4), tmp_path / "maps" / f"{name}.png")
    with pytest.raises(DataError, match=r"my cat 1\.png: the saliency map of 'my cat 1' is 6x4 but the image is 4x6"):
        look_at_saliency(tmp_path / "maps", photographs, IDS)
    for name in IDS:
        save(np.full((4, 6), 300, np.float32), tmp_path / "float" / f"{name}.tif")
    with pytest.raises(DataError, match=r"my cat 1\.tif has values from 300 to 300"):
        look_at_saliency(tmp_path / "float", photographs, IDS)
