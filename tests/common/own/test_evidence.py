"""Maps of any method become one picture of an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from common.cam.files import Cams, write_cams
from common.method.registry import find_method
from common.own.evidence import strongest_class, strongest_maps


def test_every_class_counts_relative_to_its_maximum_and_what_is_negative_as_nothing() -> None:
    maps = np.array([[[-3.0, 8.0], [2.0, 0.0]], [[1.0, 0.0], [0.25, -1.0]], [[-1.0, -2.0], [0.0, -1.0]]])
    assert np.array_equal(strongest_class(maps), [[1.0, 1.0], [0.25, 0.0]])


def test_an_image_without_tags_has_none() -> None:
    assert strongest_class(np.zeros((0, 2, 2))) is None


def test_scores_of_any_sign_are_read_where_a_method_has_them(tmp_path: Path) -> None:
    method = find_method("sgan")
    settings = method.settings(out=str(tmp_path))
    file = method.labels.maps.folder(settings) / "x y.npz"
    write_cams(file, Cams(np.array([0]), np.array([[[-7.0, 11.0]]])))
    read = strongest_maps(method, settings)
    assert np.array_equal(read("x y"), [[0.0, 1.0]]) and read("other") is None


@pytest.mark.parametrize(("given", "found"), [("", True), ("somewhere", False)])
def test_label_maps_that_start_from_others_show_the_method_s_own_maps_where_it_makes_them(
    tmp_path: Path, given: str, found: bool
) -> None:
    method = find_method("sod_wsss")
    settings = method.settings(out=str(tmp_path))
    settings.select.labels = given
    walk = method.stage("walk")
    cams = Cams(np.array([1]), np.array([[[0.5, 1.0]]]))
    write_cams(walk.folder(settings) / f"a{walk.suffix}", cams)
    read = strongest_maps(method, settings)("a")
    assert (read is not None) == found
