"""JPEGs that OpenCV decodes have the pixels of Pillow; what it would make up or turn is left to Pillow."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from common.data.image_file import QUICK_FLAGS, open_image, quickly_decoded
from common.data.images import read_image
from common.errors import DataError

needs_opencv_4_11 = pytest.mark.skipif(not QUICK_FLAGS, reason="OpenCV before 4.11 cannot decode straight to RGB")


def photograph(height: int, width: int) -> Image.Image:
    """Smooth colours with an edge, so that chroma is really interpolated."""
    y, x = np.mgrid[:height, :width]
    channels = [127 + 120 * np.sin(x / 7 + y / 11), 127 + 120 * np.cos(x / 5), np.where(x > width // 2, 250, 20)]
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8))


def quick(path: Path, upright: bool = False) -> np.ndarray | None:
    with open_image(path) as image:
        return quickly_decoded(path, image, upright)


@needs_opencv_4_11
@pytest.mark.parametrize("size", [(40, 60), (37, 53), (1, 9), (16, 16)])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize(
    "more", [{}, {"progressive": True}, {"quality": 20}, {"optimize": True, "quality": 98}, {"restart_marker_rows": 1}]
)
def test_the_pixels_are_those_of_pillow(
    tmp_path: Path, size: tuple[int, int], subsampling: str, more: dict[str, Any]
) -> None:
    path = tmp_path / "a.jpg"
    photograph(*size).save(path, subsampling=subsampling, **more)
    found = quick(path)
    assert found is not None and found.dtype == np.uint8
    assert np.array_equal(found, np.array(Image.open(path)))


@needs_opencv_4_11
def test_an_image_on_its_side_is_turned_by_pillow(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.jpg"
    photograph(20, 30).save(path, exif=exif)
    assert quick(path, upright=True) is None
    stored = quick(path)
    assert stored is not None and stored.shape == (20, 30, 3)
    assert read_image(path, upright=True).shape == (30, 20, 3)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_printed_images_are_left_to_pillow(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.jpg"
    photograph(20, 30).convert(mode).save(path)
    assert quick(path) is None
    assert np.array_equal(read_image(path), np.array(Image.open(path).convert("RGB")))


def test_a_png_is_left_to_pillow(tmp_path: Path) -> None:
    photograph(20, 30).save(tmp_path / "a.png")
    assert quick(tmp_path / "a.png") is None


@pytest.mark.parametrize("share", [0.4, 0.7, 0.99])
def test_what_was_cut_off_is_an_error_as_ever(tmp_path: Path, share: float) -> None:
    buffer = io.BytesIO()
    photograph(64, 64).save(buffer, format="JPEG")
    path = tmp_path / "cut.jpg"
    path.write_bytes(buffer.getvalue()[: int(share * len(buffer.getvalue()))])
    with pytest.raises(DataError, match="cannot read image .*cut.jpg"):
        read_image(path)


def test_bytes_behind_the_image_are_left_to_pillow(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    photograph(20, 30).save(path)
    pixels = read_image(path)
    path.write_bytes(path.read_bytes() + b"\0\0")
    assert quick(path) is None
    assert np.array_equal(read_image(path), pixels)
