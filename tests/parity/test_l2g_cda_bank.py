"""The bank's selection and cut equal those of CDA's ``make_aug_fg``."""

import numpy as np
import pytest

from l2g_cda.objects import cut_object, select_object
from tests.parity.l2g_cda_cases import CASES, cases_of
from tests.parity.l2g_cda_data import ellipse, picture, stored

# The row items of the manifest; r71 is r70 with one pixel more.
ROWS = {"r70": (35, 7), "r71": (35, 7), "r10": (5, 7)}


def label_map_of(item, height, width):
    labels = np.zeros((height, width), np.uint8)
    if isinstance(item, str):
        n_rows, label = ROWS[item]
        labels[:n_rows] = label
        labels[n_rows, 0] = label if item == "r71" else 0
        return labels
    for label, *shape in item:
        labels[ellipse(height, width, shape[:2], shape[2:])] = label
    return labels


@pytest.mark.parametrize("case", cases_of("bank"))
def test_selected_objects(case):
    params, arrays = CASES[case], stored("bank", "bank/")
    height, width = params["size"]
    counts = dict.fromkeys(params["index_counts"], 0)
    for name, item in params["items"].items():
        labels, image = label_map_of(item, height, width), picture(f"bankimg_{name}", height, width, 3)
        selection = select_object(labels)
        assert (selection is not None) == (name in params["accepted"]), name
        if selection is None:
            continue
        counts[str(selection.number)] += 1
        foreground, wanted = cut_object(selection, image, labels, labels), params["accepted"][name]
        assert selection.number == wanted["folder"]
        assert [selection.rows[0], selection.columns[0]] == wanted["top_left_of_crop"]
        assert list(foreground.image.shape) == wanted["img_shape"]
        assert list(foreground.seg.shape) == wanted["seg_shape"]
        assert np.unique(foreground.seg).tolist() == wanted["seg_values"]
        np.testing.assert_array_equal(foreground.image[::4, ::4], arrays[f"{name}_img"])
        np.testing.assert_array_equal(foreground.seg[::4, ::4], arrays[f"{name}_seg"])
    assert counts == params["index_counts"]


def test_a_label_that_covers_the_whole_image_is_no_object():
    assert select_object(np.full((50, 70), 12, np.uint8)) is None
