"""A prediction put right by tags and by the labels it was learnt from (i2crc spec, section 6.4), step by step."""

import numpy as np
import pytest

from common.cam.files import Cams
from common.errors import DataError
from common.pseudo_labels.refinement import ignored_if_small, refined_evidence, refined_label
from common.pseudo_labels.rule import Evidence

# Labels of the classes 4 and 14; 7 is of a class that no image here has.
A, B, OTHER, IGNORED = 5, 15, 7, 255
ONE, TWO = (4,), (4, 14)


def row(labels):
    return np.array([labels], np.uint8)


@pytest.mark.parametrize(
    ("step", "keys", "prediction", "initial", "expected"),
    [
        ("1: a class that the image does not have is ignored", ONE, [A, OTHER, 0], [0, 0, 0], [A, IGNORED, 0]),
        ("1: so it is with several classes", TWO, [A, B, OTHER], [0, 0, 0], [A, B, IGNORED]),
        ("2: of a single class the initial label is not used", ONE, [A, 0, 0], [A, A, IGNORED], [A, 0, 0]),
        ("2: background gives way to it in an image of several", TWO, [A, B, 0, 0], [0, 0, A, B], [A, B, A, B]),
        ("2: to its ignored pixels too", TWO, [A, B, 0], [0, 0, IGNORED], [A, B, IGNORED]),
        ("2: what step 1 ignored stays ignored", TWO, [A, B, OTHER], [0, 0, A], [A, B, IGNORED]),
        ("2: a predicted class stays", TWO, [A, B, A], [B, A, IGNORED], [A, B, A]),
        ("2: background of both stays", TWO, [A, B, 0], [A, B, 0], [A, B, 0]),
        ("3: without a pixel of a class background is unsure", TWO, [A, 0, 0], [A, A, 0], [A, A, IGNORED]),
        ("3: a class that the initial label brings back is there", TWO, [A, 0, 0], [0, B, 0], [A, B, 0]),
        ("3, 4: without any class nothing is left", ONE, [OTHER, 0, 0], [A, A, 0], [IGNORED] * 3),
        ("4: background alone is ignored", (), [0, A, 0], [0, A, A], [IGNORED] * 3),
    ],
)
def test_decision_table(step, keys, prediction, initial, expected):
    refined = refined_label(row(prediction), row(initial), np.array(keys, int))
    assert refined.dtype == np.uint8 and refined.tolist() == [expected], step


@pytest.mark.parametrize(("pixels", "kept"), [(100, True), (101, False)])
def test_step_4_less_than_a_hundredth_of_foreground_is_ignored_altogether(pixels, kept):
    prediction = row([A] + [0] * (pixels - 1))
    refined = refined_label(prediction, np.zeros_like(prediction), np.array(ONE))
    assert refined.tolist() == prediction.tolist() if kept else (refined == IGNORED).all()


def test_the_least_share_is_a_setting():
    prediction = row([A, 0, 0, 0])
    assert (refined_label(prediction, prediction, np.array(ONE), least_share=0.3) == IGNORED).all()


def test_ignored_pixels_are_no_foreground():
    label_map = row([A] + [IGNORED] * 99 + [0] * 10)
    assert (ignored_if_small(label_map, 0.01) == IGNORED).all()
    assert ignored_if_small(label_map, 0.009).tolist() == label_map.tolist()


def test_the_inputs_stay_as_they_are():
    prediction, initial = row([A, OTHER, 0]), row([A, A, A])
    refined_label(prediction, initial, np.array(TWO))
    assert prediction.tolist() == [[A, OTHER, 0]] and initial.tolist() == [[A, A, A]]


def test_maps_of_different_sizes_are_an_error():
    with pytest.raises(DataError, match=r"\(1, 3\).*\(1, 2\)"):
        refined_label(row([A, 0, 0]), row([A, 0]), np.array(ONE))


def test_as_a_rule_the_first_label_map_is_the_initial_one():
    cams = Cams(np.array(TWO), np.zeros((2, 1, 3), np.float32))
    evidence = Evidence("one", cams, labels=(row([B, B, 0]), row([A, 0, 0])))
    assert refined_evidence(evidence).tolist() == [[A, B, 0]]
