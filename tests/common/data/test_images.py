from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from common.data.images import image_size, read_image, read_label_map, read_saliency
from common.errors import DataError


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK", "P", "1"])
def test_every_eight_bit_format_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.tif"
    Image.new("RGB", (5, 3), (255, 255, 255)).convert(mode).save(path)
    image = read_image(path)
    assert image.shape == (3, 5, 3)
    assert image.dtype == np.uint8
    assert (image == 255).all()
    assert image.flags.writeable


def test_exif_rotation_is_not_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 4)).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape == (4, 6, 3)
    assert image_size(tmp_path / "a.jpg") == (4, 6)


def test_truncated_jpeg_is_an_error_that_names_the_file_but_its_size_is_known(tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"cut\.jpg.*truncated"):
        read_image(path)
    assert image_size(path) == (64, 64)


def test_missing_and_foreign_files_are_errors_that_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not an image")
    for name in ("text.jpg", "absent.jpg"):
        for read in (read_image, read_label_map, read_saliency, image_size):
            with pytest.raises(DataError, match=name):
                read(tmp_path / name)


def test_sixteen_bit_images_are_refused_rather_than_clipped(tmp_path: Path) -> None:
    for name, read in (("a.tif", read_image), ("a.tif", read_saliency), ("a.png", read_saliency)):
        Image.fromarray(np.full((2, 2), 1000, np.uint16)).save(tmp_path / name)
        with pytest.raises(DataError, match="8-bit"):
            read(tmp_path / name)


def test_a_sixteen_bit_png_is_read_as_viewers_show_it(tmp_path: Path) -> None:
    grey = np.array([[0, 255, 256], [32768, 65279, 65535]], np.uint16)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    expected = np.array([[0, 0, 1], [128, 254, 255]], np.uint8)
    assert (read_image(tmp_path / "grey.png") == expected[..., None]).all()
    cv2.imwrite(str(tmp_path / "colour.png"), np.repeat(grey[..., None], 3, 2))
    assert (read_image(tmp_path / "colour.png") == expected[..., None]).all()


def test_grey_palette_and_narrow_sixteen_bit_label_maps_read_the_same(tmp_path: Path) -> None:
    labels = np.array([[0, 1, 20], [255, 7, 3]], dtype=np.uint8)
    grey, palette = Image.fromarray(labels), Image.fromarray(labels)
    palette.putpalette([9] * 768)
    grey.save(tmp_path / "grey.png")
    palette.save(tmp_path / "palette.png")
    Image.fromarray(labels.astype(np.uint16)).save(tmp_path / "wide.png")
    for name in ("grey.png", "palette.png", "wide.png"):
        assert (read_label_map(tmp_path / name) == labels).all()


def test_rgb_label_map_is_refused_with_the_way_out(tmp_path: Path) -> None:
    Image.new("RGB", (2, 2)).save(tmp_path / "mask.png")
    with pytest.raises(DataError, match=r"mask\.png.*colour.*palette"):
        read_label_map(tmp_path / "mask.png")


def test_lossy_or_too_wide_label_maps_are_refused(tmp_path: Path) -> None:
    Image.new("L", (2, 2)).save(tmp_path / "mask.jpg")
    with pytest.raises(DataError, match="JPEG"):
        read_label_map(tmp_path / "mask.jpg")
    Image.fromarray(np.full((2, 2), 256, np.uint16)).save(tmp_path / "mask.png")
    with pytest.raises(DataError, match=r"256\.\.256"):
        read_label_map(tmp_path / "mask.png")


def test_saliency_may_be_grey_or_rgb_with_equal_channels(tmp_path: Path) -> None:
    grey = np.array([[0, 100, 255]], dtype=np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(grey).convert("RGB").save(tmp_path / "rgb.png")
    Image.fromarray(grey > 0).save(tmp_path / "binary.png")
    assert (read_saliency(tmp_path / "grey.png") == grey).all()
    assert (read_saliency(tmp_path / "rgb.png") == grey).all()
    assert read_saliency(tmp_path / "binary.png").tolist() == [[0, 255, 255]]


def test_coloured_saliency_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (2, 2), (1, 2, 3)).save(tmp_path / "sal.png")
    with pytest.raises(DataError, match=r"sal\.png is a colour image"):
        read_saliency(tmp_path / "sal.png")
