"""Attention becomes jet colours from its own minimum to its maximum."""

import numpy as np
import pytest

from common.data.images import read_image
from common.errors import DataError
from common.method.settings import with_values
from l2g_cda.maps import stretched
from l2g_cda.method import PICTURES_OF_ATTENTION


def test_the_weakest_is_0_and_the_strongest_255_or_just_below():
    drawn = stretched(np.array([[10, 60], [35, 10]], np.uint8), (2, 2))
    assert drawn.min() == 0 and drawn.max() >= 254


def test_a_flat_map_is_all_zero():
    assert not stretched(np.full((3, 3), 77, np.uint8), (5, 4)).any()


def pictures(run):
    return sorted((run / "ms" / "accu_att_zoom").glob("*.png"))


def n_tags(layout, ids):
    return int(sum(tags.sum() for tags in layout.read_tags(ids).values()))


def test_every_map_gets_a_picture_of_its_images_size_from_blue_to_red(settings, run, layout, ids, capsys):
    assert PICTURES_OF_ATTENTION.run(settings) == 0
    drawn = pictures(run)
    assert len(drawn) == n_tags(layout, ids)
    picture = read_image(drawn[0])
    assert picture.shape == (96, 96, 3)
    colours = {tuple(colour) for colour in picture.reshape(-1, 3).tolist()}
    assert (0, 0, 127) in colours and any(red > 120 and blue == 0 for red, _, blue in colours)
    assert PICTURES_OF_ATTENTION.run(settings) == 0
    assert f"0 written, {len(drawn)} already there" in capsys.readouterr().out


def test_images_without_a_map_are_passed_over(settings, run, layout, ids):
    (run / "cams" / f"{ids[0]}.npz").unlink()
    assert PICTURES_OF_ATTENTION.run(settings) == 0
    assert len(pictures(run)) == n_tags(layout, ids[1:])


def test_no_map_at_all_is_an_error(settings, tmp_path):
    with pytest.raises(DataError, match="no attention map of any listed image"):
        PICTURES_OF_ATTENTION.run(with_values(settings, {"out": str(tmp_path / "none")}))
