"""The three forms of CAM files give the same maps."""

import numpy as np
import pytest

from common.cam.files import Cams, find_cams, read_cams, write_cams
from common.errors import DataError

KEYS, MAPS = np.array([3, 7]), np.random.default_rng(0).random((2, 4, 5)).astype(np.float16).astype(np.float32)


def save(path, content):
    np.save(path, np.array(content, dtype=object))


@pytest.mark.parametrize("form", ["aff", "irn", "npz"])
def test_every_form_is_read(tmp_path, form):
    if form == "aff":
        save(tmp_path / "a.npy", {"keys": np.array([0, 4, 8]), "cam": MAPS[:, :1], "hr_cam": MAPS})
    elif form == "irn":
        save(tmp_path / "a.npy", {"keys": KEYS, "cam": MAPS[:, :1], "high_res": MAPS})
    else:
        write_cams(tmp_path / "a.npz", Cams(KEYS, MAPS))
    keys, maps = read_cams(find_cams(tmp_path, "a"))
    assert keys.tolist() == [3, 7]
    np.testing.assert_array_equal(maps, MAPS)


def test_an_image_without_classes_has_no_map(tmp_path):
    save(tmp_path / "a.npy", {"keys": np.array([0]), "cam": MAPS[:0], "hr_cam": MAPS[:0]})
    keys, maps = read_cams(find_cams(tmp_path, "a"))
    assert keys.shape == (0,) and maps.shape == (0, 4, 5)


def test_a_missing_file_is_an_error_that_names_the_image(tmp_path):
    with pytest.raises(DataError, match="no CAM file of 'a'"):
        read_cams(find_cams(tmp_path, "a"))


@pytest.mark.parametrize("keys", [[4, 8], [], [0, 4]], ids=["no background", "empty", "too few"])
def test_keys_that_do_not_fit_are_an_error(tmp_path, keys):
    save(tmp_path / "a.npy", {"keys": np.array(keys, int), "cam": MAPS, "hr_cam": MAPS})
    with pytest.raises(DataError, match=r"a\.npy"):
        read_cams(find_cams(tmp_path, "a"))
