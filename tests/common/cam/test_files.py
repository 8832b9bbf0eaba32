"""Files of class activation maps: ours, IRN's and PSA's, and what is wrong with a broken one."""

import os

import numpy as np
import pytest
import torch

from common.cam.files import Cams, read_cams, write_cams
from common.errors import DataError

MAPS = np.linspace(0, 1, 2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
CAMS = Cams(np.array([4, 17]), MAPS)


class Call:
    """Pickles as a call of a function."""

    def __reduce__(self):
        return os.getcwd, ()


def save(path, value):
    np.save(path, value)
    return path


def test_what_is_written_is_read_back_to_half_precision(tmp_path):
    write_cams(tmp_path / "a/b.npz", CAMS)
    keys, maps = read_cams(tmp_path / "a/b.npz")
    assert (keys.dtype, maps.dtype) == (np.int64, np.float32)
    np.testing.assert_array_equal(keys, [4, 17])
    np.testing.assert_allclose(maps, MAPS, atol=2**-12)
    with np.load(tmp_path / "a/b.npz") as arrays:
        assert (arrays["keys"].dtype, arrays["maps"].dtype) == (np.int64, np.float16)


def test_an_image_without_tags_keeps_its_size(tmp_path):
    write_cams(tmp_path / "a.npz", Cams(np.zeros(0, np.int64), np.zeros((0, 3, 4), np.float32)))
    keys, maps = read_cams(tmp_path / "a.npz")
    assert (keys.shape, maps.shape) == ((0,), (0, 3, 4))


@pytest.mark.parametrize(
    "content",
    [
        {"keys": np.array([4, 17]), "cam": torch.zeros(2, 1, 1), "high_res": MAPS},
        {"keys": torch.tensor([4, 17]), "high_res": torch.tensor(MAPS)},
        {17: MAPS[1], 4: MAPS[0]},
    ],
    ids=["IRN", "IRN with tensors", "PSA"],
)
def test_the_dictionaries_of_the_field_are_read_with_their_classes_in_order(tmp_path, content):
    keys, maps = read_cams(save(tmp_path / "a.npy", content))
    np.testing.assert_array_equal(keys, [4, 17])
    np.testing.assert_array_equal(maps, MAPS)


def test_a_missing_file_is_named_with_the_stage_that_makes_it(tmp_path):
    with pytest.raises(DataError, match=r"no CAM file .*a\.npz; run the CAM stage first"):
        read_cams(tmp_path / "a.npz")


@pytest.mark.parametrize("kept", [0, 3, 100, -1])
def test_a_truncated_file_is_an_error_that_names_it(tmp_path, kept):
    write_cams(tmp_path / "a.npz", CAMS)
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content[:kept])
    with pytest.raises(DataError, match=r"cannot read the CAM file .*a\.npz.*run the CAM stage again"):
        read_cams(tmp_path / "a.npz")


def test_an_npz_of_something_else_is_an_error_that_names_it(tmp_path):
    np.savez(tmp_path / "a.npz", logits=MAPS)
    with pytest.raises(DataError, match=r"a\.npz: .*keys"):
        read_cams(tmp_path / "a.npz")
    save(tmp_path / "b.npy", MAPS).rename(tmp_path / "b.npz")
    with pytest.raises(DataError, match=r"cannot read the CAM file .*b\.npz"):
        read_cams(tmp_path / "b.npz")


@pytest.mark.parametrize(
    ("keys", "maps", "message"),
    [
        ([4], MAPS, "K different classes"),
        ([4, 4], MAPS, "K different classes"),
        ([4, 17], MAPS[0], "K different classes"),
        ([4.0, 17.0], MAPS, "0-based class numbers"),
        ([-1, 17], MAPS, "0-based class numbers"),
        ([4, 17], np.where(MAPS > 0.9, np.nan, MAPS), "NaN or infinite"),
        ([4, 17], np.where(MAPS > 0.9, np.inf, MAPS), "NaN or infinite"),
    ],
)
def test_arrays_that_do_not_fit_each_other_are_an_error_that_names_the_file(tmp_path, keys, maps, message):
    np.savez(tmp_path / "a.npz", keys=np.array(keys), maps=maps)
    with pytest.raises(DataError, match=rf"a\.npz .*{message}"):
        read_cams(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "no dictionary of CAMs but"),
        ({}, "holds no map"),
        ({4: MAPS[0], 17: MAPS[1, 1:]}, "maps of different sizes"),
        ({"cat": MAPS[0]}, "0-based class numbers"),
    ],
)
def test_another_content_is_an_error_that_names_the_file(tmp_path, content, message):
    with pytest.raises(DataError, match=rf"a\.npy .*{message}"):
        read_cams(save(tmp_path / "a.npy", content))


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_a_file_that_wants_to_run_code_is_refused(tmp_path, name):
    if name == "a.npy":
        save(tmp_path / name, {"keys": Call(), "high_res": MAPS})
    else:
        np.savez(tmp_path / name, keys=np.array([Call()], dtype=object), maps=MAPS)
    with pytest.raises(DataError, match=r"getcwd.*nothing was executed|Object arrays cannot be loaded"):
        read_cams(tmp_path / name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda maps: 5 * maps,
            "values from 0 to 5; class activation maps are 0 to 1. Divide every map by its maximum",
        ),
        (lambda maps: maps - 0.5, "values from -0.5 to 0.5"),
        (lambda maps: (255 * maps).astype(np.uint8), "times 255: divide them by 255"),
        (lambda maps: maps + 0j, "no real numbers"),
        (lambda maps: np.where(maps > 0.9, np.inf, maps), "NaN or infinite"),
    ],
)
@pytest.mark.parametrize("form", ["IRN", "PSA", "random walk", "shared"])
def test_maps_outside_their_range_are_refused_in_every_form(tmp_path, form, change, message):
    maps, path = change(MAPS), tmp_path / ("a.npz" if form == "shared" else "a.npy")
    if form == "shared":
        np.savez(path, keys=np.array([4, 17]), maps=maps)
    elif form == "PSA":
        np.save(path, {4: maps[0], 17: maps[1]})
    else:
        content = {"keys": np.array([4, 17]), "high_res": maps}
        walk = {"keys": np.array([0, 5, 18]), "cam": maps, "hr_cam": maps}
        np.save(path, content if form == "IRN" else walk)
    with pytest.raises(DataError, match=rf"a\.np..*{message}"):
        read_cams(path)


def test_rounding_beyond_one_passes_unchanged(tmp_path):
    maps = np.float32([[[0, 1 + 1e-6, -1e-7]]])
    np.savez(tmp_path / "a.npz", keys=np.array([0]), maps=maps)
    np.testing.assert_array_equal(read_cams(tmp_path / "a.npz").maps, maps)
