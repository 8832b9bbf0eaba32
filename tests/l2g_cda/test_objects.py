"""Objects survive their file, in the toolbox's form and in the published one."""

import numpy as np
import pytest

from common.errors import DataError
from l2g_cda.objects import read_foreground, write_foreground
from tests.l2g_cda.bank_samples import foreground


def assert_equal(left, right):
    np.testing.assert_array_equal(left.image, right.image)
    np.testing.assert_array_equal(left.seg, right.seg)
    np.testing.assert_array_equal(left.saliency, right.saliency)


@pytest.mark.parametrize("saliency", [240, None])
def test_an_object_is_read_as_written(tmp_path, saliency):
    written = foreground(3, saliency=saliency)
    write_foreground(tmp_path / "one.npz", written)
    assert_equal(read_foreground(tmp_path / "one.npz"), written)


def test_a_published_object_is_read_without_executing_it(tmp_path):
    written = foreground(3)
    published = {"img": written.image, "seg": written.seg, "sal": written.saliency}
    np.save(tmp_path / "one.npy", np.array(published, dtype=object))
    assert_equal(read_foreground(tmp_path / "one.npy"), written)


def test_labels_of_a_wider_type_are_taken(tmp_path):
    np.savez(tmp_path / "one.npz", img=np.zeros((4, 4, 3), np.uint8), seg=np.full((4, 4), 20, np.int64))
    assert read_foreground(tmp_path / "one.npz").seg.dtype == np.uint8


@pytest.mark.parametrize(
    "arrays",
    [
        {"img": np.zeros((4, 4, 3), np.uint8)},
        {"img": np.zeros((4, 4, 3), np.uint8), "seg": np.ones((4, 5), np.uint8)},
        {"img": np.zeros((4, 4), np.uint8), "seg": np.ones((4, 4), np.uint8)},
        {"img": np.zeros((4, 4, 3), np.uint8), "seg": np.zeros((4, 4), np.uint8)},
        {"img": np.zeros((4, 4, 3), np.uint8), "seg": np.full((4, 4), 300)},
        {"img": np.zeros((4, 4, 3), np.uint8), "seg": np.ones((4, 4)), "sal": np.ones((4, 4), np.uint8)},
        {"img": np.zeros((4, 4, 3), np.uint8), "seg": np.ones((4, 4), np.uint8), "sal": np.ones((3, 4), np.uint8)},
    ],
    ids=["no label", "other size", "grey", "no object", "not 8-bit", "not whole numbers", "saliency of other size"],
)
def test_a_file_that_shows_no_object_is_an_error_with_its_name(tmp_path, arrays):
    np.savez(tmp_path / "broken_one.npz", **arrays)
    with pytest.raises(DataError, match=r"broken_one\.npz.*make the bank again"):
        read_foreground(tmp_path / "broken_one.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_an_error_with_its_name(tmp_path, content):
    (tmp_path / "one.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"one\.npz"):
        read_foreground(tmp_path / "one.npz")


def test_a_missing_object_is_an_error_that_names_the_index(tmp_path):
    with pytest.raises(DataError, match="the index of the bank names it"):
        read_foreground(tmp_path / "one.npz")
