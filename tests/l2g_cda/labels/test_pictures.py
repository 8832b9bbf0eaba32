"""Attention becomes jet colours from its own minimum to its maximum."""

import numpy as np
import pytest

from common.data.images import read_image
from common.errors import DataError
from l2g_cda.labels.heat import jet, stretched
from l2g_cda.labels.pictures import draw_attention


def test_the_weakest_is_0_and_the_strongest_255_or_just_below():
    drawn = stretched(np.array([[10, 60], [35, 10]], np.uint8), (2, 2))
    assert drawn.min() == 0 and drawn.max() >= 254


def test_a_flat_map_is_all_zero():
    assert not stretched(np.full((3, 3), 77, np.uint8), (5, 4)).any()


def test_jet_goes_from_blue_to_red():
    blue, red = jet(np.array([[0, 255]], np.uint8))[0]
    assert blue[2] > blue[0] and red[0] > red[2]


@pytest.mark.parametrize("over_image", [False, True])
def test_every_map_gets_a_picture_of_its_images_size(layout, attention, tmp_path, over_image):
    report = draw_attention(layout, attention, tmp_path / "pictures", over_image=over_image, workers=0)
    assert report.done == len(list(attention.glob("*.png")))
    picture = read_image(next((tmp_path / "pictures").glob("*.png")))
    assert picture.shape == (96, 96, 3)
    assert draw_attention(layout, attention, tmp_path / "pictures", over_image=over_image, workers=0).done == 0


def test_images_without_a_map_are_passed_over(layout, attention, tmp_path):
    next(attention.glob("*.png")).unlink()
    report = draw_attention(layout, attention, tmp_path / "pictures", workers=0)
    assert report.done == len(list(attention.glob("*.png"))) and not report.failed


def test_no_map_at_all_is_an_error(layout, tmp_path):
    with pytest.raises(DataError, match="no attention map of any listed image"):
        draw_attention(layout, tmp_path, tmp_path / "pictures")
