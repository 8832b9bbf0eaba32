"""The salient object selector: when saliency takes the label's place, and what it takes it with."""

import numpy as np
import pytest

from common.cam.files import Cams
from common.errors import ConfigError, DataError
from common.pseudo_labels.rule import Evidence
from sod_wsss.label_rules import SalientSelector, SelectorConfig, foreground_iou, select_salient, threshold_of

NAMES = ("chair", "dog", "sofa")
CHAIR, DOG, SOFA = 1, 2, 3
SIDE = 10


def columns(first, last, number=1):
    """A map whose columns ``first`` to ``last`` hold a number."""
    values = np.zeros((SIDE, SIDE), np.uint8)
    values[:, first:last] = number
    return values


def with_iou(share, number):
    """A label map and a saliency mask of one image of a class, whose agreement is ``share`` tenths."""
    return columns(0, share, number), columns(0, 10) > 0


def replaced(label_map, salient, threshold, classes):
    return select_salient(label_map, salient, classes, threshold).label_map is not label_map


def selected(config, label_map, saliency, classes):
    cams = Cams(np.array(classes) - 1, np.zeros((len(classes), SIDE, SIDE), np.float32))
    return SalientSelector(config, NAMES)(Evidence("a", cams, saliency=saliency, labels=(label_map,)))


@pytest.mark.parametrize(("share", "expected"), [(4, False), (5, True), (9, True), (1, False)])
def test_saliency_takes_the_place_of_a_label_that_agrees_better_than_the_threshold(share, expected):
    assert replaced(*with_iou(share, DOG), 0.4, {DOG}) == expected


def test_a_replaced_label_is_the_salient_region_alone():
    label_map, salient = columns(0, 6, DOG), columns(1, 7) > 0
    label_map[:, 8:] = 255
    label_map[0, 7] = CHAIR
    selection = select_salient(label_map, salient, {DOG}, 0.4)
    np.testing.assert_array_equal(selection.label_map, columns(1, 7, DOG))
    assert selection.label_map.dtype == np.uint8
    assert selection.iou == pytest.approx(5 / 7)


@pytest.mark.parametrize(
    ("label_map", "saliency", "classes"),
    [
        (columns(0, 6, DOG), columns(0, 6), {DOG, CHAIR}),
        (columns(0, 6, DOG), columns(0, 6), set()),
        (columns(0, 6, DOG), columns(0, 0), {DOG}),
        (columns(0, 0, DOG), columns(0, 6), {DOG}),
        (columns(0, 6, CHAIR), columns(0, 6), {DOG}),
    ],
    ids=["several classes", "no class", "empty saliency", "empty label", "another class alone"],
)
def test_a_label_stays_where_there_is_nothing_to_compare(label_map, saliency, classes):
    assert not replaced(label_map, saliency > 0, 0.0, classes)


def test_the_label_map_that_is_given_is_not_changed():
    label_map, salient = with_iou(9, DOG)
    before = label_map.copy()
    select_salient(label_map, salient, {DOG}, 0.4)
    np.testing.assert_array_equal(label_map, before)


def test_maps_of_different_sizes_are_refused():
    with pytest.raises(DataError, match=r"\(10, 9\)"):
        select_salient(columns(0, 3), np.ones((10, 9), bool), {DOG}, 0.4)


def test_two_empty_masks_do_not_agree():
    assert foreground_iou(columns(0, 0) > 0, columns(0, 0) > 0) == 0


# --- Thresholds. ---


@pytest.mark.parametrize("share", range(11))
def test_a_smaller_alpha_replaces_more(share):
    """Zero replaces at any overlap, one never."""
    label_map, salient = with_iou(share, DOG)
    sweep = [
        replaced(label_map, salient, threshold_of(SelectorConfig(one_threshold=tenth / 10), "dog"), {DOG})
        for tenth in range(11)
    ]
    assert sweep == [share / 10 > tenth / 10 for tenth in range(11)]
    assert sweep == sorted(sweep, reverse=True)


def test_alpha_holds_for_weak_classes_too():
    config = SelectorConfig(one_threshold=0.5)
    assert {threshold_of(config, name) for name in NAMES} == {0.5}


@pytest.mark.parametrize(("number", "expected"), [(CHAIR, False), (DOG, True), (SOFA, False)])
def test_weak_classes_need_more_agreement(number, expected):
    label_map, salient = with_iou(5, number)
    result = selected(SelectorConfig(), label_map, salient.astype(np.uint8) * 255, [number])
    assert (result == number).all() == expected


def test_which_classes_are_weak_is_a_setting():
    config = SelectorConfig(weak_classes=["dog"], least_iou=0.3, weak_margin=0.1)
    assert [threshold_of(config, name) for name in NAMES] == [0.3, 0.4, 0.3]


def test_salient_is_what_is_brighter_than_a_share_of_white():
    """Of 0 to 255, half is 127.5."""
    saliency = columns(0, 5, 128) + columns(5, 10, 127)
    label_map = columns(0, 4, DOG)
    np.testing.assert_array_equal(selected(SelectorConfig(), label_map, saliency, [DOG]), columns(0, 5, DOG))
    lower = selected(SelectorConfig(salient_above=0.1, least_iou=0.3), label_map, saliency, [DOG])
    np.testing.assert_array_equal(lower, columns(0, 10, DOG))


def test_an_image_of_several_classes_keeps_its_label():
    label_map = columns(0, 9, DOG)
    assert selected(SelectorConfig(one_threshold=0), label_map, columns(0, 10, 255), [DOG, SOFA]) is label_map


@pytest.mark.parametrize(
    "wrong", [{"one_threshold": 1.5}, {"one_threshold": -0.5}, {"least_iou": 2}, {"weak_margin": -1}]
)
def test_a_threshold_outside_its_range_is_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        SelectorConfig(**wrong)
