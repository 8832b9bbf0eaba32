from __future__ import annotations

import numpy as np
import pytest

from common.data.palette import voc_palette
from common.errors import DataError
from common.visual.overlay import ROWS_AT_ONCE, cam_overlay, label_overlay

IMAGE = np.full((12, 16, 3), 100, np.uint8)


def test_high_heat_is_red_and_low_heat_is_blue():
    heat = np.zeros((12, 16))
    heat[:, 8:] = 0.95
    overlay = cam_overlay(IMAGE, heat)
    assert overlay.dtype == np.uint8 and overlay.shape == IMAGE.shape
    assert overlay[0, 15, 0] > overlay[0, 15, 2] and overlay[0, 0, 2] > overlay[0, 0, 0]


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_heat_outside_its_range_is_an_error(value):
    with pytest.raises(DataError, match="normalise"):
        cam_overlay(IMAGE, np.full((12, 16), value))


def test_maps_of_another_size_are_an_error():
    with pytest.raises(DataError, match="resize"):
        cam_overlay(IMAGE, np.zeros((3, 4)))
    with pytest.raises(DataError, match="resize"):
        label_overlay(IMAGE, np.zeros((3, 4), np.uint8))


def test_background_stays_and_labels_are_tinted_in_their_colour():
    labels = np.zeros((12, 16), np.uint8)
    labels[2:10, 8:] = 15
    overlay = label_overlay(IMAGE, labels, opacity=0.5)
    assert np.array_equal(overlay[labels == 0], IMAGE[labels == 0])
    assert np.array_equal(overlay[5, 12], np.rint(50 + voc_palette()[15] / 2))


def test_opacity_zero_leaves_the_image_and_one_shows_the_palette():
    labels = np.full((12, 16), 3, np.uint8)
    assert np.array_equal(label_overlay(IMAGE, labels, 0.0), IMAGE)
    assert (label_overlay(IMAGE, labels, 1.0) == voc_palette()[3]).all()
    with pytest.raises(DataError, match="opacity"):
        label_overlay(IMAGE, labels, 1.5)


def test_a_float_image_is_an_error():
    with pytest.raises(DataError, match="uint8 RGB"):
        cam_overlay(IMAGE / 255, np.zeros((12, 16)))


def test_a_large_image_is_mixed_as_a_small_one_and_its_outline_is_wider():
    """Rows are mixed in parts; a photograph's outline is still seen when the photograph is shown small."""
    labels = np.zeros((ROWS_AT_ONCE + 44, 2100), np.uint8)
    labels[:, 1000:] = 15
    overlay = label_overlay(np.full((*labels.shape, 3), 100, np.uint8), labels, opacity=0.5)
    assert (overlay == overlay[:1]).all()
    inside = np.rint(50 + voc_palette()[15] / 2)
    assert np.array_equal(overlay[0, 1003], inside) and not np.array_equal(overlay[0, 1002], inside)
    small = label_overlay(np.full((300, 400, 3), 100, np.uint8), labels[:300, 900:1300], opacity=0.5)
    assert np.array_equal(small[0, 101], inside) and not np.array_equal(small[0, 100], inside)
