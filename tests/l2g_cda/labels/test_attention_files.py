"""Attention PNGs are found by id and class, and refused when they are none."""

import numpy as np
import pytest
from PIL import Image

from common.errors import DataError
from l2g_cda.labels.attention_files import attention_path, read_attention, read_scores


def test_maps_are_read_as_shares_of_255(tmp_path):
    for number, value in ((2, 51), (5, 255)):
        Image.new("L", (4, 3), value).save(tmp_path / f"a_b_{number}.png")
    scores = read_scores(tmp_path, "a_b", [2, 5], (3, 4))
    assert scores.dtype == np.float32 and scores.shape == (2, 3, 4)
    assert (scores[0] == np.float32(0.2)).all() and (scores[1] == 1).all()


def test_an_image_without_classes_has_no_map(tmp_path):
    assert read_scores(tmp_path, "a", [], (3, 4)).shape == (0, 3, 4)


def test_a_missing_map_is_an_error_with_its_path(tmp_path):
    with pytest.raises(DataError, match=r"a_7\.png; compute the attention maps first"):
        read_scores(tmp_path, "a", [7], (3, 4))


def test_a_map_of_another_size_is_an_error(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "a_0.png")
    with pytest.raises(DataError, match=r"a_0\.png is \(4, 4\) but the image is \(3, 4\)"):
        read_scores(tmp_path, "a", [0], (3, 4))


def test_a_coloured_map_is_an_error(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a_0.png")
    with pytest.raises(DataError, match="an attention map is 8-bit grey"):
        read_attention(tmp_path / "a_0.png")


def test_an_id_cannot_leave_its_folder(tmp_path):
    with pytest.raises(DataError, match="leaves its root"):
        attention_path(tmp_path, "../a", 0)
