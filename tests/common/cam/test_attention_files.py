"""Attention in 8 bits: its values and the published files."""

import numpy as np
import pytest
from PIL import Image

from common.cam.attention_files import attention_bytes, write_attention_pngs
from common.cam.files import Cams
from common.errors import DataError


def test_bytes_are_rounded():
    assert attention_bytes(np.array([0, 0.0019, 0.002, 0.5, 1], np.float32)).tolist() == [0, 0, 1, 128, 255]


def test_a_grey_picture_per_class(tmp_path):
    maps = np.stack([np.eye(3, 4), np.full((3, 4), 0.2)]).astype(np.float32)
    write_attention_pngs(tmp_path, "a_b", Cams(np.array([1, 14]), maps))
    pictures = {path.name: Image.open(path) for path in tmp_path.iterdir()}
    assert sorted(pictures) == ["a_b_1.png", "a_b_14.png"]
    assert {picture.mode for picture in pictures.values()} == {"L"}
    np.testing.assert_array_equal(pictures["a_b_1.png"], 255 * np.eye(3, 4))
    assert (np.asarray(pictures["a_b_14.png"]) == 51).all()


def test_an_image_without_classes_has_no_picture(tmp_path):
    write_attention_pngs(tmp_path, "a", Cams(np.zeros(0, int), np.zeros((0, 3, 4), np.float32)))
    assert list(tmp_path.iterdir()) == []


def test_an_id_cannot_leave_its_folder(tmp_path):
    with pytest.raises(DataError, match="leaves its root"):
        write_attention_pngs(tmp_path, "../a", Cams(np.array([1]), np.zeros((1, 4, 4), np.float32)))
