"""Cues, painting and enlargement equal the published seed generation."""

import re

import numpy as np
import pytest

from common.cam.files import Cams
from common.data.zoom import zoom_linear, zoom_nearest
from sgan.labels import harmonic_labels, paint_cues, paint_unambiguous, sec_cues
from tests.parity.fill import filled_input
from tests.parity.sgan_cases import CASES, cases, expected

SIZE, N_CLASSES = 41, 20
BACKGROUND = 0.06
BOAT_AND_TRAIN = (4, 19)


def made(rule):
    """The array of ``filled_input(...)`` with what is added to it or what it is divided by."""
    name, shape, bounds, number = re.search(
        r"filled_input\('([^']+)', (\([\d,]+\))((?:, \d+)*)\)(?: (?:\+|/) (-?\d+))?", rule
    ).groups()
    sides = tuple(int(side) for side in re.findall(r"\d+", shape))
    values = filled_input(name, sides, *(int(bound) for bound in re.findall(r"\d+", bounds)))
    return values / np.float32(255) if "/ 255" in rule else values + int(number or 0)


@pytest.mark.parametrize("case", cases("seeds.npz", "sec_"))
def test_seeds_of_maps(case):
    inputs, wanted = CASES[case]["inputs"], expected(case)
    maps = made(inputs["att"]["rule"]).transpose(2, 0, 1)
    saliency = zoom_linear(made(inputs["saliency"]["rule"]).astype(np.float32), (SIZE, SIZE))
    keys = np.array(inputs["tags"], np.int64) - 1
    cues = sec_cues(Cams(keys, maps[keys]), N_CLASSES, saliency, inputs["cam_thresh"], BACKGROUND)
    assert (paint_cues(cues, BOAT_AND_TRAIN) == wanted["mask"]).mean() >= 0.999
    assert (paint_unambiguous(cues) == wanted["mask_ignore_conflict"]).mean() >= 0.999
    if "dcsp" in wanted:
        assert (harmonic_labels(Cams(keys, np.abs(maps[keys])), saliency, 0.2) == wanted["dcsp"]).mean() >= 0.999


def empty_cues():
    return np.zeros((21, SIZE, SIZE), bool)


@pytest.mark.parametrize("case", cases("seeds.npz", "tie"))
def test_of_equal_areas_the_lower_label_ends_on_top(case):
    cues, wanted = empty_cues(), expected(case)
    for label, first, last in re.findall(
        r"class (\d+) on rows/cols (\d+)\.\.(\d+)", CASES[case]["inputs"]["localization"]
    ):
        cues[int(label), int(first) : int(last) + 1, int(first) : int(last) + 1] = True
    np.testing.assert_array_equal(paint_cues(cues, BOAT_AND_TRAIN), wanted["mask_stable"])


@pytest.mark.parametrize("case", cases("seeds.npz", "paint_order"))
def test_order_of_painting(case):
    cues, wanted = empty_cues(), expected(case)
    cues[0, :, :20] = True
    cues[4, :30, 10:] = True
    cues[12, :, 18:30] = True
    assert [cues[label].sum() for label in (0, 4, 12)] == [820, 930, 492]
    np.testing.assert_array_equal(paint_cues(cues, BOAT_AND_TRAIN), wanted["mask_train_boat"])
    np.testing.assert_array_equal(paint_cues(cues), wanted["mask_plain"])
    np.testing.assert_array_equal(paint_unambiguous(cues), wanted["mask_ignore"])


@pytest.mark.parametrize("case", cases("seeds.npz", "upscale"))
def test_enlarged_seeds(case):
    inputs, wanted = CASES[case]["inputs"], expected(case)
    mask, size = made(inputs["mask"]["rule"]).astype(np.uint8), tuple(inputs["size"])
    step = int((re.search(r"::(\d+)", inputs["slices"]["as_run"]) or [1, 1])[1])
    published, repaired = zoom_nearest(mask, size, repaired=False), zoom_nearest(mask, size)
    np.testing.assert_array_equal(published[::step, ::step], wanted["as_run"])
    np.testing.assert_array_equal(published[-1], wanted["last_row"])
    np.testing.assert_array_equal(published[:, -1], wanted["last_col"])
    np.testing.assert_array_equal(repaired[-1], wanted["repaired_last_row"])
    np.testing.assert_array_equal(repaired[:, -1], wanted["repaired_last_col"])
    assert (published[:-1, :-1] != repaired[:-1, :-1]).sum() == wanted["disagree_inside"]
