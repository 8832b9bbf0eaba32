"""Which way up an image is read, which formats are opened, and how large an image may be."""

import io
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from common.data.image_file import MAX_PIXELS_VARIABLE, exif_orientation
from common.data.images import image_size, read_image, read_label_map, read_saliency
from common.errors import ConfigError, DataError

READERS = (read_image, read_label_map, read_saliency, image_size)
ORIENTATIONS = range(1, 9)


def picture(height: int = 3, width: int = 5) -> np.ndarray:
    """Grey levels that differ everywhere, so that every turn shows; uint8 [H, W]."""
    return (np.arange(height * width, dtype=np.uint8) * 7).reshape(height, width)


def exif(orientation: int) -> Image.Exif:
    content = Image.Exif()
    content[0x0112] = orientation
    return content


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
def test_every_orientation_of_every_format_is_turned_as_a_viewer_turns_it(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    stored = np.repeat(picture()[..., None], 3, axis=2)
    options = {".webp": {"lossless": True}, ".jpg": {"quality": 100}}.get(suffix, {})
    path = tmp_path / f"a{suffix}"
    Image.fromarray(stored).save(path, exif=exif(orientation), **options)
    with Image.open(path) as image:
        shown = np.array(ImageOps.exif_transpose(image))
    difference = 2 if suffix == ".jpg" else 0
    upright, as_stored = read_image(path, upright=True), read_image(path)
    assert upright.shape == shown.shape and np.abs(upright.astype(int) - shown).max() == 0
    assert as_stored.shape == stored.shape and np.abs(as_stored.astype(int) - stored).max() <= difference
    assert image_size(path, upright=True) == shown.shape[:2] and image_size(path) == stored.shape[:2]
    assert exif_orientation(path) == orientation


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_label_maps_and_saliency_maps_are_turned_by_the_same_rule(tmp_path: Path, orientation: int) -> None:
    grey = Image.fromarray(picture())
    palette = Image.fromarray(picture())
    palette.putpalette([9] * 768)
    for name, image in (("grey", grey), ("palette", palette)):
        image.save(tmp_path / f"{name}.png", exif=exif(orientation))
    shown = np.array(ImageOps.exif_transpose(Image.open(tmp_path / "grey.png")))
    for read, name in ((read_label_map, "grey"), (read_label_map, "palette"), (read_saliency, "grey")):
        assert (read(tmp_path / f"{name}.png", upright=True) == shown).all()
        assert (read(tmp_path / f"{name}.png") == picture()).all()


@pytest.mark.parametrize("value", [0, 9, 300])
def test_an_orientation_that_does_not_exist_turns_nothing(tmp_path: Path, value: int) -> None:
    Image.fromarray(picture()).save(tmp_path / "a.png", exif=exif(value))
    assert (read_saliency(tmp_path / "a.png", upright=True) == picture()).all()


def test_broken_exif_data_turn_nothing(tmp_path: Path) -> None:
    Image.fromarray(picture()).save(tmp_path / "a.png", exif=b"Exif\0\0II*\0broken")
    assert (read_saliency(tmp_path / "a.png", upright=True) == picture()).all()
    assert image_size(tmp_path / "a.png", upright=True) == (3, 5)


def test_orientation_behind_the_pixels_of_a_png_counts(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, "PNG")
    content = exif(6).tobytes().removeprefix(b"Exif\0\0")
    chunk = b"eXIf" + content
    chunk = len(content).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    data = buffer.getvalue()
    end = data.index(b"IEND") - 4
    (tmp_path / "a.png").write_bytes(data[:end] + chunk + data[end:])
    assert image_size(tmp_path / "a.png", upright=True) == (5, 3)
    assert read_saliency(tmp_path / "a.png", upright=True).shape == (5, 3)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\nshowpage\n", r"PostScript \(EPS\)"),
        (b"%PDF-1.7\n", "PDF"),
        (b"8BPS\0\1" + bytes(40), "Photoshop"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"GIF89a" + bytes(40), "GIF"),
        (b"P5 2 2 255 aaaa", "anymap"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"\xff\xd8\xff\xe0", "damaged JPEG"),
        (b"", "empty file"),
        (b"no image", "something else"),
    ],
)
@pytest.mark.parametrize("read", READERS)
def test_a_file_of_another_format_is_named_and_never_reaches_another_program(
    tmp_path, monkeypatch, read, content, name
):
    def started(*arguments, **options):
        raise AssertionError("another program was started")

    monkeypatch.setattr(subprocess, "Popen", started)
    (tmp_path / "x.jpg").write_bytes(content)
    with pytest.raises(DataError, match=rf"x\.jpg: it is .*{name}.*; only JPEG, PNG, BMP, WEBP, TIFF are read"):
        read(tmp_path / "x.jpg")


@pytest.mark.parametrize(("kind", "suffix"), [("PNG", ".jpg"), ("JPEG", ".png"), ("BMP", ".tif"), ("WEBP", ".bmp")])
def test_a_right_image_with_a_wrong_ending_is_read(tmp_path: Path, kind: str, suffix: str) -> None:
    Image.new("RGB", (5, 3), (200, 200, 200)).save(tmp_path / f"a{suffix}", kind)
    assert read_image(tmp_path / f"a{suffix}").shape == (3, 5, 3)


@pytest.mark.parametrize("read", READERS)
def test_an_image_of_too_many_pixels_is_refused_with_its_size_and_the_way_out(tmp_path, monkeypatch, read):
    Image.new("L", (50, 40)).save(tmp_path / "a.png")
    monkeypatch.setenv(MAX_PIXELS_VARIABLE, "1999")
    with pytest.raises(DataError, match=r"a\.png is 50x40.*longer side of 49 pixels.*WSSS_MAX_PIXELS to 2000"):
        read(tmp_path / "a.png")
    monkeypatch.setenv(MAX_PIXELS_VARIABLE, "2000")
    read(tmp_path / "a.png")


def test_a_header_that_announces_a_huge_image_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("L", (4, 4)).save(buffer, "PNG")
    head = b"IHDR" + (100_000).to_bytes(4, "big") * 2 + buffer.getvalue()[24:29]
    (tmp_path / "a.png").write_bytes(
        buffer.getvalue()[:12] + head + zlib.crc32(head).to_bytes(4, "big") + buffer.getvalue()[33:]
    )
    with pytest.raises(DataError, match=r"100000x100000, 10000 megapixels; at most 179 are read"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("value", ["many", "0", "-5"])
def test_a_limit_that_is_no_number_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    monkeypatch.setenv(MAX_PIXELS_VARIABLE, value)
    with pytest.raises(ConfigError, match=MAX_PIXELS_VARIABLE):
        read_image(tmp_path / "a.png")


def test_a_label_map_compressed_as_a_jpeg_inside_a_tiff_is_refused(tmp_path: Path) -> None:
    Image.new("L", (16, 16)).save(tmp_path / "a.png", "TIFF", compression="jpeg")
    with pytest.raises(DataError, match="JPEG"):
        read_label_map(tmp_path / "a.png")
