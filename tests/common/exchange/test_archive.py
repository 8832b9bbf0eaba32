"""Archives that somebody sends: nothing leaves the folder, nothing fills the disk."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from common.errors import DataError
from common.exchange import archive
from common.exchange.archive import unpacked


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["../x.png", "x/../../y.png", "a\\..\\..\\x.png", "C:" + "\\x.png"])
def test_a_member_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    source = zipped(tmp_path / "x.zip", {"fine.png": b"1", name: b"2"})
    with pytest.raises(DataError, match="leaves its root; nothing of it was unpacked"), unpacked(source):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.zip"]


def test_only_what_is_read_is_unpacked_and_gone_afterwards(tmp_path: Path) -> None:
    members = {"labelmap.txt": b"1", "JPEGImages/a.png": b"2", "SegmentationClass/a.png": b"3", "run.sh": b"4"}
    with unpacked(zipped(tmp_path / "x.zip", members)) as folder:
        assert sorted(path.name for path in folder.rglob("*.*")) == ["a.png", "labelmap.txt"]
        assert (folder / "SegmentationClass" / "a.png").read_bytes() == b"3"
    assert not folder.exists()


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = zipped(tmp_path / "x.zip", {"a.png": bytes(100_000), "b.txt": b"1"})
    assert source.stat().st_size < 1000
    monkeypatch.setattr(archive, "MOST_BYTES", 99_999)
    with pytest.raises(DataError, match="unpacks to 0.0 GB in 2 files; at most"), unpacked(source):
        pass


def test_no_archive_and_a_damaged_one_are_named(tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"hello")
    with pytest.raises(DataError, match=r"cannot unpack .*no\.zip"), unpacked(tmp_path / "no.zip"):
        pass
    content = bytearray(zipped(tmp_path / "x.zip", {"a.png": bytes(range(256)) * 9}).read_bytes())
    content[60] ^= 255
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"cannot unpack .*x\.zip: .*download it again"), unpacked(tmp_path / "x.zip"):
        pass
