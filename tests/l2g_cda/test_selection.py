"""Which images give an object, and what is cut out."""

import numpy as np
import pytest

from common.errors import DataError
from l2g_cda.objects import Selection, cut_object, select_object


def labels(*boxes, height=10, width=10):
    """A label map with rectangles (label, top, bottom, left, right)."""
    label_map = np.zeros((height, width), np.uint8)
    for label, top, bottom, left, right in boxes:
        label_map[top:bottom, left:right] = label
    return label_map


def test_one_class_gives_its_number_and_tight_box():
    assert select_object(labels((7, 2, 6, 3, 9))) == Selection(6, (2, 6), (3, 9))


@pytest.mark.parametrize("n_rows", [1, 7])
def test_both_limits_of_the_share_are_included(n_rows):
    assert select_object(labels((7, 0, n_rows, 0, 10))) is not None


@pytest.mark.parametrize(
    "label_map",
    [labels(), labels((1, 0, 3, 0, 3), (2, 5, 8, 5, 8)), labels((1, 0, 3, 0, 3)), labels((1, 0, 8, 0, 10))],
    ids=["nothing", "two classes", "too small", "too large"],
)
def test_unfit_images_give_none(label_map):
    assert select_object(label_map) is None


def test_ignored_pixels_are_no_object():
    label_map = labels((7, 2, 6, 3, 9), (255, 6, 8, 0, 10))
    assert select_object(label_map) == Selection(6, (2, 6), (3, 9))
    assert select_object(labels((255, 2, 6, 3, 9))) is None


def test_the_cut_holds_the_box_and_only_its_class():
    label_map = labels((7, 2, 6, 3, 9), (255, 2, 3, 3, 9))
    image = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    cut = cut_object(Selection(6, (2, 6), (3, 9)), image, label_map, image[..., 0])
    np.testing.assert_array_equal(cut.image, image[2:6, 3:9])
    np.testing.assert_array_equal(cut.saliency, image[2:6, 3:9, 0])
    assert cut.seg[0].tolist() == [0] * 6 and (cut.seg[1:] == 7).all()


def test_maps_of_different_sizes_are_an_error():
    with pytest.raises(DataError, match="make them the same size"):
        cut_object(
            Selection(0, (0, 1), (0, 1)),
            np.zeros((9, 9, 3), np.uint8),
            labels((1, 0, 5, 0, 5)),
            np.zeros((9, 9), np.uint8),
        )
