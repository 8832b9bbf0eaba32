"""Masks whose objects are stored as the ignore label are refused; masks of background alone are not."""

import numpy as np
import pytest

from common.data.mask_sets import readable_masks, require_a_class
from common.data.palette import write_label_map
from common.errors import DataError

BACKGROUND, OBJECT_AS_255 = np.zeros((2, 2), np.uint8), np.array([[0, 255], [0, 255]], np.uint8)


@pytest.mark.parametrize("masks", [[OBJECT_AS_255], [BACKGROUND, OBJECT_AS_255]])
def test_background_and_ignored_pixels_alone_are_refused_by_name(masks):
    with pytest.raises(DataError, match=rf"^data/masks: not one of {len(masks)} masks shows a class.*255"):
        require_a_class(masks, 3, "data/masks")


@pytest.mark.parametrize("masks", [[], [BACKGROUND], [OBJECT_AS_255, BACKGROUND + 2], [BACKGROUND + 255]])
def test_a_class_anywhere_or_no_ignored_pixel_is_enough(masks):
    require_a_class(masks, 3, "masks")


def test_another_ignore_label_counts_as_such():
    with pytest.raises(DataError, match="0 and 7 only"):
        require_a_class([OBJECT_AS_255 & 7], 9, "masks", ignore_label=7)


def test_masks_are_read_until_one_shows_a_class(tmp_path):
    write_label_map(tmp_path / "a.png", BACKGROUND)
    write_label_map(tmp_path / "b.png", BACKGROUND + 1)
    asked = []

    def path_of(image_id):
        asked.append(image_id)
        return tmp_path / f"{image_id}.png"

    require_a_class(readable_masks(["gone", "a", "b", "c"], path_of), 2, "masks")
    assert asked == ["gone", "a", "b"]
