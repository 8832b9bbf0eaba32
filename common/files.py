"""Atomic writers, free-space checks and paths that cannot leave their root.

Every file the toolbox writes goes through :func:`atomic_write`: a temporary file in the same folder, flushed to disk and
renamed. A killed process therefore leaves either the old file or the new one, never half of one.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from common.errors import DataError, DiskFullError

# How a PNG begins, and which of its parts decide its pixels; others (texts, times) may be as they like.
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
DECISIVE_PARTS = (b"IHDR", b"PLTE", b"IDAT", b"tRNS")

# Begins the checksum behind the arrays of .npy files.
NPY_CHECKSUM = b"\nsha256:"

# Ending of the temporary files; those of killed processes may lie around.
PARTIAL = ".partial"

# EFBIG: a limit on the size of one file (ulimit -f, FAT32) is full.
DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def atomic_write(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Call ``write`` with a temporary binary file next to ``path``, then rename it to ``path``.

    Raises:
        DiskFullError: the disk or quota is full; an earlier file at ``path`` is untouched.
    """
    path = Path(path)
    with disk_full_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PARTIAL, dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~current_umask())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def disk_full_named(path: Path) -> Iterator[None]:
    """Turns the system's "disk full" while writing ``path`` into a :class:`DiskFullError`."""
    try:
        yield
    except DiskFullError:
        raise
    except Exception as error:
        if is_disk_full(error):
            raise DiskFullError(disk_full_message(path)) from error
        raise


def remove_partial_files(folder: Path) -> None:
    """Delete the temporary files that killed processes left in ``folder``, which must have no other writer."""
    for partial in folder.glob(f".*{PARTIAL}"):
        partial.unlink(missing_ok=True)


def is_disk_full(error: BaseException) -> bool:
    """Whether ``error`` says that the disk is full, directly or through torch's own writer."""
    if isinstance(error, OSError):
        return error.errno in DISK_FULL_ERRNOS
    # torch's zip writer replaces the OSError by a RuntimeError whose context still holds it.
    context = error.__cause__ or error.__context__
    return context is not None and is_disk_full(context)


def disk_full_message(path: Path) -> str:
    free = shutil.disk_usage(nearest_existing(path.parent)).free
    return (
        f"no space left to write {path} ({free / 1e6:.1f} MB free there). What was written before is intact: "
        "free some space or point the output elsewhere, then run the same command again; it continues."
    )


def current_umask() -> int:
    """The process's umask, read without changing it for longer than two system calls."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def require_free_space(folder: Path, n_bytes: int) -> None:
    """Raise :class:`DiskFullError` unless ``folder`` (existing or not) has room for ``n_bytes``."""
    free = shutil.disk_usage(nearest_existing(Path(folder))).free
    if free < n_bytes:
        raise DiskFullError(
            f"{folder} has {free / 1e6:.1f} MB free but {n_bytes / 1e6:.1f} MB are needed. Nothing was overwritten: "
            "free some space or point the output elsewhere, then run the same command again; it continues."
        )


def nearest_existing(folder: Path) -> Path:
    """``folder``, or the closest folder above it that exists."""
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, atomically."""
    atomic_write(path, lambda file: file.write(text.encode("utf-8")))


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON with sorted keys; NaN is written as ``NaN``, as the field's score files do."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file; a broken one is a :class:`DataError` that names it."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error


def write_npy(path: Path, array: np.ndarray) -> None:
    """Write an array, or a pickled object array, as ``.npy``, atomically.

    The format has no checksum, and its readers look at nothing behind the array: there stands one, see :func:`require_npy_intact`.
    """
    buffer = io.BytesIO()
    np.save(buffer, array)
    content = buffer.getvalue()
    atomic_write(path, lambda file: file.write(content + npy_checksum(content)))


def npy_checksum(content: bytes) -> bytes:
    """What :func:`write_npy` puts behind the bytes of an array."""
    return NPY_CHECKSUM + hashlib.sha256(content).hexdigest().encode()


def require_npy_intact(file: IO[bytes]) -> None:
    """Raise ValueError where a file ends with a checksum of :func:`write_npy` that is not its own, and go to its start.

    Files of other programs have none.
    """
    length = len(npy_checksum(b""))
    file.seek(max(0, file.seek(0, os.SEEK_END) - length))
    checksum = file.read()
    file.seek(0)
    if checksum.startswith(NPY_CHECKSUM):
        intact = npy_checksum(file.read()[:-length]) == checksum
        file.seek(0)
        if not intact:
            raise ValueError("its checksum is wrong: it was damaged after it was written")


def require_intact(path: Path) -> None:
    """Raise unless every checksum in a zip archive is right.

    ``torch.load`` does not look at them, ``np.load`` only where an array is read to the end of its part of the archive.
    """
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged:
        raise zipfile.BadZipFile(f"wrong checksum of {damaged}")


def require_png_intact(path: Path) -> None:
    """Raise OSError where the checksum of a part of a PNG that decides its pixels is wrong; Pillow does not compare them.

    Whether all parts are there is left to the decoder, as is whether the file is a PNG.
    """
    content = memoryview(path.read_bytes())
    position = len(PNG_SIGNATURE)
    while position + 12 <= len(content):
        length, kind = struct.unpack(">I4s", content[position : position + 8])
        end = position + 8 + length
        if kind in DECISIVE_PARTS and end + 4 <= len(content):
            (checksum,) = struct.unpack(">I", content[end : end + 4])
            if zlib.crc32(content[position + 4 : end]) != checksum:
                raise OSError(f"the checksum of its part {kind.decode()} is wrong, it is damaged")
        position = end + 4


def write_npz(path: Path, **arrays: np.ndarray) -> None:
    """Write arrays of any shape and dtype by name, uncompressed, atomically."""
    contents: dict[str, Any] = arrays
    atomic_write(path, lambda file: np.savez(file, **contents))


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Name -> array (any shape and dtype), never unpickled; a broken file is a :class:`DataError` that names it."""
    try:
        require_intact(path)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    # A damaged archive raises whatever its damaged part leads to.
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        TypeError,
        AttributeError,
        RuntimeError,
        MemoryError,
        OverflowError,
        IndexError,
        SyntaxError,
        struct.error,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise DataError(f"cannot read {path}: {' '.join(str(error).split())}") from error


def write_torch(path: Path, value: Mapping[str, Any]) -> None:
    """Save tensors and plain values, readable with ``weights_only=True``."""
    atomic_write(path, lambda file: torch.save(value, file))


def resolve_inside(root: Path, relative: str) -> Path:
    """``root / relative`` for a path that came from a data file; a leading slash is dropped (VOC list style).

    The path is judged by its spelling, with every ``..`` resolved: symbolic links inside ``root`` may lead anywhere, as
    whoever made them has decided (images on another disk).

    Raises:
        DataError: the result lies outside ``root``.
    """
    normal = Path(os.path.normpath(relative.lstrip("/\\")))
    if normal.is_absolute() or os.pardir in normal.parts:
        raise DataError(
            f"path {relative!r} leaves its root {root}; refused. Correct the list or data file it came from."
        )
    return Path(root) / normal
