from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from common.errors import DataError
from common.visual.panels import GAP, png_bytes, side_by_side

RED = np.full((10, 20, 3), (200, 0, 0), np.uint8)
GREY = np.full((6, 8), 70, np.uint8)


def test_pictures_stand_side_by_side_centred_in_equal_cells():
    sheet = side_by_side([RED, GREY])
    assert sheet.shape == (10 + 2 * GAP, 2 * 20 + 3 * GAP, 3)
    assert np.array_equal(sheet[GAP : GAP + 10, GAP : GAP + 20], RED)
    left = GAP + 20 + GAP + 6
    assert (sheet[GAP + 2 : GAP + 8, left : left + 8] == 70).all()


def test_columns_wrap_into_rows():
    assert side_by_side([RED] * 3, columns=2).shape == (2 * 10 + 3 * GAP, 2 * 20 + 3 * GAP, 3)


def test_titles_take_room_above_and_do_not_run_into_the_neighbour():
    sheet = side_by_side([RED, RED], ["a title far too long for its picture", ""])
    plain = side_by_side([RED, RED])
    assert sheet.shape[0] > plain.shape[0]
    titles = sheet[: sheet.shape[0] - 10 - GAP]
    assert (titles[:, : GAP + 20] < 255).any() and (titles[:, GAP + 21 :] == 255).all()


def test_no_image_or_a_wrong_number_of_titles_is_an_error():
    with pytest.raises(DataError, match="no image"):
        side_by_side([])
    with pytest.raises(DataError, match="1 titles for 2 images"):
        side_by_side([RED, RED], ["one"])


def test_png_bytes_hold_the_picture_exactly():
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png_bytes(RED)))), RED)


@pytest.mark.parametrize("image", [RED / 255, RED[..., :2], RED[None]])
def test_pictures_of_another_type_or_shape_are_an_error(image):
    with pytest.raises(DataError, match="uint8"):
        png_bytes(image)
