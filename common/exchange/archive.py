"""The archive that an annotation tool downloads, unpacked for a while: bounded, and never outside of its folder."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from common.errors import DataError
from common.paths import fault_of_path, normal_path

# Of all members that are unpacked; label maps of 10,000 photographs are some 0.2 GB.
MOST_BYTES = 2 << 30
MOST_MEMBERS = 200_000
WANTED = (".png", ".json", ".txt")
# Photographs, masks of single objects, and what macOS adds.
NOT_WANTED = ("JPEGImages", "SegmentationObject", "__MACOSX")
BROKEN_ARCHIVE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


@contextmanager
def unpacked(archive: Path) -> Iterator[Path]:
    """A folder with the PNG, JSON and text files of a ZIP archive, which is gone afterwards.

    Raises:
        DataError: it is no archive, damaged, locked by a password, too large, or a member leads out of the folder.
    """
    with tempfile.TemporaryDirectory(prefix="wsss-masks-") as folder:
        try:
            unpack(archive, Path(folder))
        except BROKEN_ARCHIVE as error:
            raise DataError(f"cannot unpack {archive}: {error}; download it again") from error
        yield Path(folder)


def unpack(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        members = [one for one in opened.infolist() if not one.is_dir()]
        for one in members:
            if fault := fault_of_path(one.filename):
                raise DataError(f"{archive}: the member {one.filename!r} {fault}; nothing of it was unpacked")
        wanted = [one for one in members if is_wanted(one.filename)]
        n_bytes = sum(one.file_size for one in wanted)
        if len(members) > MOST_MEMBERS or n_bytes > MOST_BYTES:
            raise DataError(
                f"{archive} unpacks to {n_bytes / 1e9:.1f} GB in {len(members)} files; at most {MOST_BYTES / 1e9:.1f} GB and "
                f"{MOST_MEMBERS} files are read. Unpack it yourself and give the folder"
            )
        for one in wanted:
            target = folder / normal_path(one.filename)
            target.parent.mkdir(parents=True, exist_ok=True)
            # "x": of two members of one name neither is the right one.
            with opened.open(one) as source, target.open("xb") as file:
                shutil.copyfileobj(source, file)


def is_wanted(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in WANTED and not set(path.parts[:-1]) & set(NOT_WANTED)
