"""An image is complete when it has all its files, and every folder says how its files were made."""

import numpy as np
import pytest

from common.engine.inference import OutputFolder
from common.errors import ConfigError, DataError
from common.method.maps import record_of
from deeplabv2.outputs import ORIGIN_FILE, OutputFolders, read_logits, write_logits


def folders(root, record, others=("logit",), force=False):
    beside = [OutputFolder(root / name, ".npy", record, force) for name in others]
    return OutputFolders(root / "label", ".png", record, force, beside, {"checkpoint": "somewhere"})


def test_an_image_lacking_one_of_its_files_is_missing(tmp_path):
    output = folders(tmp_path, {"a": 1})
    output.begin(["x", "y", "z"])
    for name in ("label/x.png", "label/y.png", "logit/y.npy", "logit/z.npy"):
        (tmp_path / name).touch()
    assert output.missing(["z", "y", "x"]) == ["z", "x"]
    assert folders(tmp_path, {"a": 1}, others=()).missing(["x", "y", "z"]) == ["z"]


def test_every_folder_has_its_record(tmp_path):
    folders(tmp_path, {"a": 1}).begin(["x"])
    (tmp_path / "label" / "x.png").touch()
    folders(tmp_path, {"a": 2}, others=(), force=True).begin(["x"])
    assert record_of(tmp_path / "label") == {"a": 2}
    assert record_of(tmp_path / "logit") == {"a": 1}
    with pytest.raises(ConfigError, match="a: 1 -> 2"):
        folders(tmp_path, {"a": 2}).begin(["x"])


def test_the_origin_may_change_and_need_not_be_there(tmp_path):
    assert record_of(tmp_path / "label", ORIGIN_FILE) == {}
    assert record_of(tmp_path / "label") == {}
    folders(tmp_path, {"a": 1}).begin(["x"])
    assert record_of(tmp_path / "label", ORIGIN_FILE) == {"checkpoint": "somewhere"}


def test_a_record_that_is_none_is_named(tmp_path):
    (tmp_path / ORIGIN_FILE).write_text("[1]")
    with pytest.raises(DataError, match=ORIGIN_FILE):
        record_of(tmp_path, ORIGIN_FILE)


LOGITS = np.random.default_rng(0).normal(0, 3, (4, 5, 6)).astype(np.float32)


def test_logits_are_read_as_they_were_written_by_us_or_others(tmp_path):
    write_logits(tmp_path / "ours.npy", LOGITS)
    np.save(tmp_path / "others.npy", LOGITS)
    for name in ("ours.npy", "others.npy"):
        np.testing.assert_array_equal(read_logits(tmp_path / name, 4), LOGITS)


def test_logits_that_were_damaged_are_refused(tmp_path):
    write_logits(tmp_path / "a.npy", LOGITS)
    content = bytearray((tmp_path / "a.npy").read_bytes())
    content[200] ^= 1
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.npy.*checksum is wrong.*Delete it and run test --save-logits again"):
        read_logits(tmp_path / "a.npy", 4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.exp(LOGITS) / np.exp(LOGITS).sum(0), "sum to 1: probabilities, no logits. Delete it and run"),
        (np.where(LOGITS > 3, np.nan, LOGITS), "NaN or infinite"),
        (LOGITS.astype(np.complex64), "no real numbers"),
        (LOGITS[:3], "logits of this configuration are 4 x height x width"),
    ],
)
def test_what_is_no_logits_is_refused_by_name(tmp_path, values, message):
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(DataError, match=rf"a\.npy.*{message}"):
        read_logits(tmp_path / "a.npy", 4)
