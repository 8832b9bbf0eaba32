"""Files from which random walks start: written, read again, and refused where their parts do not fit."""

import numpy as np
import pytest

from common.cam.files import read_cams, write_dictionary
from common.cam.random_walk_maps import RandomWalkMaps, quarter_size, read_affinity, write_affinity
from common.errors import DataError

SIZE = (37, 54)


def maps(classes=2):
    rng = np.random.default_rng(0)
    shapes = ((classes, *quarter_size(*SIZE)), (classes, *SIZE))
    return RandomWalkMaps(np.array([3, 7])[:classes], *(rng.random(shape, np.float32) for shape in shapes))


@pytest.mark.parametrize("classes", [0, 1, 2])
def test_what_is_written_is_read_again(tmp_path, classes):
    write_affinity(tmp_path / "one.npy", maps(classes))
    for written, read in zip(maps(classes), read_affinity(tmp_path / "one.npy"), strict=True):
        np.testing.assert_array_equal(written, read)


def test_other_readers_see_the_maps_of_the_image_s_size(tmp_path):
    write_affinity(tmp_path / "one.npy", maps())
    cams = read_cams(tmp_path / "one.npy")
    assert cams.keys.tolist() == [3, 7]
    np.testing.assert_array_equal(cams.maps, maps().full)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keys": np.array([3, 7])}, "do not fit each other"),
        ({"keys": np.array([4, 5, 6])}, "do not fit each other"),
        ({"cam": maps().full}, "do not fit each other"),
        ({"hr_cam": maps().quarter}, "do not fit each other"),
        ({"hr_cam": 2 * maps().full}, "class activation maps are 0 to 1"),
        ({"cam": -maps().quarter}, "class activation maps are 0 to 1"),
        ({"cam": np.full_like(maps().quarter, np.nan)}, "NaN or infinite"),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path, change, message):
    whole = {"keys": np.array([0, 4, 8]), "cam": maps().quarter, "hr_cam": maps().full}
    write_dictionary(tmp_path / "one.npy", {**whole, **change})
    with pytest.raises(DataError, match=message):
        read_affinity(tmp_path / "one.npy")


def test_a_file_of_another_form_is_refused(tmp_path):
    write_dictionary(tmp_path / "one.npy", {"keys": np.array([1]), "high_res": maps().full})
    with pytest.raises(DataError, match="does not hold keys, cam and hr_cam; make the maps again"):
        read_affinity(tmp_path / "one.npy")
