"""Files from which random walks start: written, read again, and refused where their parts do not fit."""

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from common.cam.files import read_cams, write_dictionary
from common.cam.random_walk_maps import RandomWalkMaps, fuse_random_walk, quarter_size, read_affinity, write_affinity
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


@pytest.mark.parametrize(
    ("size", "padded"),
    [((32, 48), (32, 48)), ((33, 47), (48, 48)), ((1, 16), (16, 16)), ((17, 31), (32, 32)), ((64, 15), (64, 16))],
)
def test_the_full_size_is_cut_from_the_next_multiple_of_16_which_a_side_may_be_already(size, padded):
    generator = torch.Generator().manual_seed(0)
    maps = [torch.rand(2, 4, 5, generator=generator), torch.rand(2, 4, 5, generator=generator), torch.rand(2, 3, 3)]
    quarter, full = fuse_random_walk(maps, size)
    for found, whole in ((full, padded), (quarter, quarter_size(*size))):
        shown = found.shape[1:]
        sums = sum(interpolate(one[None], whole, mode="bilinear", align_corners=False)[0] for one in maps)
        sums = sums[:, : shown[0], : shown[1]]
        np.testing.assert_allclose(found, sums / (sums.amax((1, 2), keepdim=True) + 1e-5), rtol=1e-5, atol=1e-6)
    assert full.shape[1:] == size


@pytest.mark.parametrize(("side", "quarter"), [(1, 1), (4, 1), (5, 2), (16, 4), (17, 5), (321, 81)])
def test_a_quarter_is_rounded_up(side, quarter):
    assert quarter_size(side, side + 4) == (quarter, quarter + 1)


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
