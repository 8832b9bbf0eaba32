"""The pictures of one image: of the right photograph, upright, and over it what each step made."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from common.cam.files import Cams, write_cams
from common.data.images import read_image
from common.data.palette import write_label_map
from common.errors import DataError
from common.method.label_maker import ReadMaps, ReadTags
from common.own.page import thumbnail
from common.own.pictures import LARGEST, LEARNED, LOOKED, MASK, PHOTOGRAPH, ImageSources, class_maps

RED, BLUE = (200, 30, 30), (30, 30, 200)


def half_and_half(size: tuple[int, int]) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", size, RED)
    picture.paste(BLUE, (size[0] // 2, 0, *size))
    return picture


def save_turned(path: Path, size: tuple[int, int]) -> None:
    """A photograph that stands upright only once EXIF's orientation 6 is followed."""
    exif = Image.Exif()
    exif[0x0112] = 6
    half_and_half(size).transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)


def sources(tmp_path: Path, heat: np.ndarray | None = None) -> ImageSources:
    (tmp_path / "photos").mkdir(exist_ok=True)
    labels = tmp_path / "labels"
    return ImageSources(
        tmp_path / "photos",
        tmp_path / "overlays",
        lambda one: labels / f"{one}.png",
        lambda one: heat,
        tmp_path / "pictures",
    )


def near(pixel: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() < 40)


def opened(source: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))))


def test_pictures_of_a_turned_photograph_are_upright_and_lie_on_each_other(tmp_path: Path) -> None:
    found = sources(tmp_path, np.zeros((15, 20), np.float32))
    save_turned(tmp_path / "photos" / "a b.jpg", (80, 60))
    label_map = np.zeros((60, 80), np.uint8)
    label_map[:, 40:] = 1
    write_label_map(tmp_path / "labels" / "a b.png", label_map)
    pictures = found.pictures("a b")
    assert list(pictures) == [PHOTOGRAPH, MASK, LEARNED, LOOKED]
    for title in (LEARNED, LOOKED):
        assert read_image(pictures[title]).shape == (60, 80, 3)
    learned = read_image(pictures[LEARNED])
    assert near(learned[30, 10], RED) and not near(learned[30, 70], BLUE) and not near(learned[30, 70], RED)
    shown = opened(thumbnail(pictures[PHOTOGRAPH]))
    assert shown.shape == (60, 80, 3) and near(shown[30, 10], RED) and near(shown[30, 70], BLUE)


def test_the_photograph_is_that_of_the_id_and_not_another_file_of_its_name(tmp_path: Path) -> None:
    found = sources(tmp_path)
    (tmp_path / "photos" / "a").mkdir()
    for name in ("x.jpg", "a/x.jpg"):
        half_and_half((8, 8)).save(tmp_path / "photos" / name)
    (tmp_path / "photos" / "x.json").write_text("{}")
    assert found.pictures("x")[PHOTOGRAPH] == tmp_path / "photos" / "x.jpg"
    assert found.pictures("a/x")[PHOTOGRAPH] == tmp_path / "photos" / "a" / "x.jpg"
    with pytest.raises(DataError, match="y"):
        found.pictures("y")


def test_an_image_that_was_held_back_has_two_pictures_and_large_ones_are_made_smaller(tmp_path: Path) -> None:
    found = sources(tmp_path)
    half_and_half((2 * LARGEST, 40)).save(tmp_path / "photos" / "wide.png")
    assert list(found.pictures("wide")) == [PHOTOGRAPH, MASK]
    write_label_map(tmp_path / "labels" / "wide.png", np.ones((40, 2 * LARGEST), np.uint8))
    assert read_image(found.pictures("wide")[LEARNED]).shape == (20, LARGEST, 3)


def test_maps_that_a_stage_has_not_made_are_none(tmp_path: Path) -> None:
    write_cams(tmp_path / "a.npz", Cams(np.array([1]), np.ones((1, 4, 4), np.float32)))
    found = class_maps(ReadMaps(tmp_path, ".npz", None))
    cams = found("a")
    assert cams is not None and cams.keys.tolist() == [1] and found("b") is None
    assert class_maps(ReadTags({"a": np.ones(2, np.float32)}))("a") is None


@pytest.mark.parametrize("form", ["CMYK", "16-bit colour", "16-bit grey", "grey", "palette", "transparent"])
def test_thumbnails_keep_the_colours_of_unusual_files(tmp_path: Path, form: str) -> None:
    picture, file = half_and_half((40, 20)), tmp_path / "a.png"
    if form == "CMYK":
        file = tmp_path / "a.jpg"
        picture.convert("CMYK").save(file, quality=95)
    elif form == "16-bit colour":
        cv2.imwrite(str(file), np.asarray(picture)[..., ::-1].astype(np.uint16) * 257)
    elif form == "16-bit grey":
        Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257).save(file)
    else:
        mode = {"grey": "L", "palette": "P", "transparent": "RGBA"}[form]
        picture.convert(mode).save(file)
    shown = opened(thumbnail(file))
    left, right = (
        (np.asarray(picture.convert("L").convert("RGB"))[5, x] for x in (5, 35)) if "grey" in form else (RED, BLUE)
    )
    assert shown.shape == (20, 40, 3) and near(shown[10, 5], left) and near(shown[10, 35], right)
