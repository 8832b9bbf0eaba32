"""The picture of where saliency and label agree says what the selector does."""

import numpy as np
import pytest

from common.errors import DataError
from sod_wsss.label_rules import SelectorConfig
from sod_wsss.panels import BOTH, agreement_picture, selection_panels

GREY = np.full((4, 10, 3), 100, np.uint8)


def columns(first, last, value=255):
    picture = np.zeros((4, 10), np.uint8)
    picture[:, first:last] = value
    return picture


def panels(saliency, label_map, classes=(1,)):
    return list(selection_panels(GREY, saliency, label_map, classes, ["dog", "sofa"], SelectorConfig()))


def test_pixels_are_painted_by_who_marks_them():
    shown = agreement_picture(GREY, columns(0, 6) > 0, columns(4, 8) > 0)
    colours = [tuple(shown[0, place]) for place in (0, 5, 7, 9)]
    assert len(set(colours)) == 4 and colours[3] == (100, 100, 100)
    assert int(np.argmax(colours[0])) == 0 and int(np.argmax(colours[1])) == 1 and int(np.argmax(colours[2])) == 2
    assert int(np.argmax(BOTH)) == 1


@pytest.mark.parametrize(
    ("last", "decision"), [(10, "IoU 0.50, replaced"), (4, "IoU 0.80, replaced"), (1, "IoU 0.20, kept")]
)
def test_the_title_says_the_agreement_and_the_decision(last, decision):
    (panel,) = panels(columns(0, 5), columns(0, last, 1))
    assert panel.title == f"saliency and base label: {decision}" and panel.image.shape == GREY.shape


def test_a_class_that_is_seldom_salient_needs_more():
    (panel,) = panels(columns(0, 5), columns(0, 10, 2), (2,))
    assert panel.title.endswith("IoU 0.50, kept")


def test_an_image_of_several_classes_is_kept():
    (panel,) = panels(columns(0, 5), columns(0, 5, 1), (1, 2))
    assert panel.title.endswith("several classes, kept")


def test_sizes_have_to_agree():
    with pytest.raises(DataError, match="image, saliency and label are"):
        agreement_picture(GREY, columns(0, 6)[:2] > 0, columns(0, 6) > 0)
