"""Photographs that cannot be read are named, all at once, before anything is trained."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import DataError
from common.own import readable
from common.own.__main__ import main
from common.own.photographs import find_photographs
from common.own.readable import READ_FILE, unreadable


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    for number in range(12):
        Image.fromarray(pixels).save(folder / f"{number:02d}.jpg")
    (folder / "tags.csv").write_text(
        "".join(f"{number:02d}.jpg;{['cat', 'dog'][number % 2]}\n" for number in range(12))
    )
    return folder


def spoil(folder: Path) -> None:
    (folder / "03.jpg").write_bytes(b"")
    (folder / "05.jpg").write_bytes((folder / "05.jpg").read_bytes()[:400])


def test_a_run_names_all_of_them_and_trains_nothing(photographs: Path, tmp_path: Path) -> None:
    spoil(photographs)
    with pytest.raises(DataError, match=r"2 of 12 photographs with tags cannot be read.*03.jpg.*empty.*05.jpg"):
        main([str(photographs), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out" / "run").exists()


def test_the_check_names_them_and_writes_nothing(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(photographs)
    assert main([str(photographs), "--check", "--out", str(tmp_path / "out")]) == 0
    assert "note: 2 of 12 photographs with tags cannot be read" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_what_could_be_read_is_not_read_again_until_it_changes(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = readable.read_image
    monkeypatch.setattr(readable, "read_image", lambda path, upright: (read.append(path.name), real(path, upright))[1])
    found = find_photographs(photographs)
    assert unreadable(found, tmp_path, remember=True) == {}
    assert len(read) == 12
    os.utime(photographs / "07.jpg", (1, 1))
    assert unreadable(found, tmp_path, remember=True) == {}
    assert read[12:] == ["07.jpg"]
    (tmp_path / READ_FILE).write_text("[broken")
    assert unreadable(found, tmp_path, remember=True) == {}
    assert len(read) == 25
