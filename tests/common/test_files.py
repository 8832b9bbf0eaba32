from __future__ import annotations

import errno
import os
import stat

import numpy as np
import pytest
import torch

from common import files
from common.errors import DataError, DiskFullError, WriteError
from common.files import (
    atomic_write,
    is_disk_full,
    read_json,
    remove_partial_files,
    require_free_space,
    write_json,
    write_npz,
    write_text,
    write_torch,
)
from common.paths import resolve_inside


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_missing_folders_are_made(tmp_path):
    write_text(tmp_path / "a" / "b" / "c.txt", "text")
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "text"


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, error):
    write_text(tmp_path / "file", "old")

    def fail(file):
        file.write(b"half of the new")
        raise error

    with pytest.raises(type(error)):
        atomic_write(tmp_path / "file", fail)
    assert (tmp_path / "file").read_text() == "old" and names(tmp_path) == ["file"]


def test_nothing_of_the_new_file_is_seen_before_it_is_complete(tmp_path):
    def write(file):
        file.write(b"half")
        assert not (tmp_path / "file").exists()
        assert all(name.endswith(".partial") for name in names(tmp_path))

    atomic_write(tmp_path / "file", write)
    assert names(tmp_path) == ["file"]


def test_files_have_the_usual_permissions(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "file", "")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


WRITERS = {
    "text": lambda path: write_text(path, "x" * 50_000),
    "npz": lambda path: write_npz(path, values=np.zeros(50_000)),
    "torch": lambda path: write_torch(path, {"values": torch.zeros(50_000)}),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_that_does_not_fit_is_a_disk_full_error_and_the_old_one_stays(tmp_path, file_size_limit, kind):
    (tmp_path / "file").write_text("old")
    with file_size_limit(10_000), pytest.raises(DiskFullError, match=r"no space left to write .*/file \(.* MB free"):
        WRITERS[kind](tmp_path / "file")
    assert (tmp_path / "file").read_text() == "old" and names(tmp_path) == ["file"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_a_full_disk_is_recognised_wherever_the_system_reports_it(tmp_path, monkeypatch, code, call):
    def full(*arguments, **options):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, call, full)
    with pytest.raises(DiskFullError, match="file"):
        write_text(tmp_path / "new" / "file", "text")
    assert names(tmp_path / "new") == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_device_that_is_full_is_recognised():
    with pytest.raises(OSError, match="space") as caught, open("/dev/full", "w") as file:
        file.write("text")
    assert is_disk_full(caught.value)


def test_other_errors_are_not_taken_for_a_full_disk(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"cannot write .*below: .*/file: file exists; a file lies where a folder"):
        write_text(tmp_path / "file" / "below", "text")


@pytest.mark.parametrize(
    ("code", "advice"),
    [(errno.EACCES, "belongs to .* ask for the permission"), (errno.EROFS, "read-only"), (errno.EMFILE, "ulimit -n")],
)
def test_what_the_system_refuses_is_one_line_with_the_path_and_what_to_do(tmp_path, monkeypatch, code, advice):
    def refuse(*arguments, **options):
        raise OSError(code, os.strerror(code), str(tmp_path / ".file.x.partial"))

    monkeypatch.setattr(files.os, "replace", refuse)
    with pytest.raises(WriteError, match=rf"cannot write .*/file: .*; .*{advice}") as caught:
        write_text(tmp_path / "file", "text")
    assert "\n" not in str(caught.value) and names(tmp_path) == []


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path):
    (tmp_path / "file").mkdir()
    with pytest.raises(
        WriteError, match=r"cannot write .*/file: is a directory; this is a folder where a file belongs"
    ):
        write_text(tmp_path / "file", "text")


def test_the_longest_name_that_the_file_system_takes_can_be_written_and_a_longer_one_is_said(tmp_path):
    write_text(tmp_path / ("x" * 255), "text")
    with pytest.raises(WriteError, match="use shorter ones") as caught:
        write_text(tmp_path / ("x" * 256), "text")
    assert len(str(caught.value)) < 500


def test_partial_files_go_but_not_that_of_a_living_writer(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / ".dead.png.0.partial").touch()
    (tmp_path / "theirs.partial").touch()

    def write(file):
        remove_partial_files(tmp_path)
        file.write(b"all of it")

    atomic_write(tmp_path / "file", write)
    assert (tmp_path / "file").read_text() == "all of it"
    assert names(tmp_path) == ["below", "file", "theirs.partial"] and names(tmp_path / "below") == []


def test_too_little_space_is_an_error_that_says_how_much_is_needed(tmp_path):
    require_free_space(tmp_path / "not" / "there", 1000)
    with pytest.raises(DiskFullError, match=r"1000000000000\.0 MB are needed"):
        require_free_space(tmp_path / "not" / "there", 10**18)


def test_json_comes_back(tmp_path):
    value = {"b": [1, 2.5, None], "a": {"text": "é"}}
    write_json(tmp_path / "file.json", value)
    assert read_json(tmp_path / "file.json") == value


@pytest.mark.parametrize("text", ["{", None, b"\xff\xfe{"])
def test_json_that_cannot_be_read_is_an_error_that_names_the_file(tmp_path, text):
    if text is not None:
        (tmp_path / "file.json").write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(DataError, match=r"cannot read .*file\.json"):
        read_json(tmp_path / "file.json")


def test_arrays_and_tensors_come_back_without_unpickling(tmp_path):
    write_npz(tmp_path / "file.npz", keys=np.array([1, 2]), maps=np.ones((2, 3), np.float16))
    with np.load(tmp_path / "file.npz", allow_pickle=False) as arrays:
        assert arrays["keys"].tolist() == [1, 2] and arrays["maps"].dtype == np.float16
    write_torch(tmp_path / "file.pth", {"weight": torch.ones(2)})
    assert torch.load(tmp_path / "file.pth", weights_only=True)["weight"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("relative", "expected"),
    [("a/b.jpg", "a/b.jpg"), ("/JPEGImages/a.jpg", "JPEGImages/a.jpg"), ("a/../b.jpg", "b.jpg"), ("a..b/c", "a..b/c")],
)
def test_a_path_of_a_data_file_lies_below_its_root(tmp_path, relative, expected):
    assert resolve_inside(tmp_path, relative) == tmp_path / expected


@pytest.mark.parametrize("relative", ["..", "../a", "a/../../b", "/../etc/passwd", "a/b/../../../c"])
@pytest.mark.parametrize("root", ["data", "."])
def test_a_path_that_leaves_its_root_is_refused(tmp_path, monkeypatch, root, relative):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="leaves its root"):
        resolve_inside(files.Path(root), relative)


def test_a_folder_linked_to_another_disk_is_inside(tmp_path):
    (tmp_path / "disk2").mkdir()
    (tmp_path / "disk2" / "one.jpg").touch()
    (tmp_path / "voc").mkdir()
    (tmp_path / "voc" / "JPEGImages").symlink_to(tmp_path / "disk2")
    assert resolve_inside(tmp_path / "voc", "/JPEGImages/one.jpg").is_file()
    # Judged and opened by its spelling: one level above the link, not above what it points to.
    assert resolve_inside(tmp_path / "voc", "JPEGImages/../lists/train.txt") == tmp_path / "voc" / "lists" / "train.txt"
