"""An image is complete when it has all its files, and every folder says how its files were made."""

import pytest

from common.engine.inference import OutputFolder
from common.errors import ConfigError, DataError
from common.method.maps import record_of
from deeplabv2.outputs import ORIGIN_FILE, OutputFolders


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
