from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.images import read_label_map
from common.data.palette import IGNORE_LABEL, colour_label_map, voc_palette, write_label_map
from common.errors import DataError


def test_palette_has_the_colours_of_voc() -> None:
    palette = voc_palette()
    assert palette.shape == (256, 3)
    assert palette.dtype == np.uint8
    known = {0: (0, 0, 0), 1: (128, 0, 0), 15: (192, 128, 128), 20: (0, 64, 128), IGNORE_LABEL: (224, 224, 192)}
    assert {label: tuple(palette[label].tolist()) for label in known} == known


def test_palette_equals_the_one_in_voc_files(shared: Path) -> None:
    mask = next(iter(sorted((shared / "data/voc_animals/SegmentationClassAug").iterdir())))
    with Image.open(mask) as image:
        stored = np.array(image.getpalette(), dtype=np.uint8).reshape(-1, 3)
    assert (voc_palette()[: len(stored)] == stored).all()


def test_written_label_map_is_a_palette_png_with_the_same_numbers(tmp_path: Path) -> None:
    label_map = np.arange(256).reshape(8, 32)
    write_label_map(tmp_path / "new" / "a.png", label_map)
    with Image.open(tmp_path / "new" / "a.png") as image:
        assert image.mode == "P"
        assert (np.array(image.convert("RGB")) == colour_label_map(label_map)).all()
    assert (read_label_map(tmp_path / "new" / "a.png") == label_map).all()


@pytest.mark.parametrize(
    "label_map", [np.array([[256]]), np.array([[-1]]), np.zeros((2, 2), np.float32), np.zeros((2, 2, 3), np.uint8)]
)
def test_what_is_no_label_map_is_not_written(tmp_path: Path, label_map: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"a\.png"):
        write_label_map(tmp_path / "a.png", label_map)
    assert list(tmp_path.iterdir()) == []
