"""Atomic writers, free-space checks and paths that cannot leave their root.

Every file the toolbox writes goes through :func:`atomic_write`: a temporary file in the same folder, flushed to disk and
renamed. A killed process therefore leaves either the old file or the new one, never half of one.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import json
import os
import secrets
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from common.errors import DataError, DiskFullError, ToolboxError, WriteError
from common.failures import missing_file
from common.interruption import undone_if_stopped
from common.locks import has_living_writer
from common.npy_header import BROKEN_ARRAYS, require_fitting_members
from common.system_errors import describe_os_error, shortened

# Characters of what a library says of a broken file.
LONGEST_REASON = 300

# How a PNG begins, and which of its parts decide its pixels; others (texts, times) may be as they like.
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
DECISIVE_PARTS = (b"IHDR", b"PLTE", b"IDAT", b"tRNS")

# Begins the checksum behind the arrays of .npy files.
NPY_CHECKSUM = b"\nsha256:"

# Ending of the temporary files; those of killed processes may lie around.
PARTIAL = ".partial"
# So much of the file's name is in that of its temporary file, whose name must not be too long where the file's own is not.
SHOWN_NAME_LENGTH = 40

# EFBIG: a limit on the size of one file (ulimit -f, FAT32) is full.
DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def atomic_write(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Call ``write`` with a temporary binary file next to ``path``, then rename it to ``path``.

    Raises:
        DiskFullError: the disk or quota is full; an earlier file at ``path`` is untouched.
        WriteError: the system does not let it be written, e.g. for lack of permission.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name[:SHOWN_NAME_LENGTH]}.{secrets.token_hex(4)}{PARTIAL}")
    with write_errors_named(path), undone_if_stopped(lambda number: temporary.unlink(missing_ok=True)):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "xb") as file:
                with suppress(OSError):
                    # Shows to others that it has a living writer.
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise


@contextmanager
def write_errors_named(path: Path) -> Iterator[None]:
    """Turns what the system says against writing ``path`` into a :class:`DiskFullError` or a :class:`WriteError`."""
    try:
        yield
    except ToolboxError:
        raise
    except Exception as error:
        if is_disk_full(error):
            raise DiskFullError(disk_full_message(path)) from error
        cause = os_error_behind(error)
        if cause is not None and cause.errno is not None:
            # Of a folder on the way the system names that one; the temporary file's name says nothing to anybody.
            named = str(cause.filename or path)
            on_the_way = "" if named.endswith(PARTIAL) or named == str(path) else f"{shortened(str(path))}: "
            place = named if on_the_way else str(path)
            raise WriteError(f"cannot write {on_the_way}{describe_os_error(cause, place)}") from error
        raise


def remove_partial_files(folder: Path) -> None:
    """Delete the temporary files that killed processes left in ``folder`` and below; those of living ones stay."""
    for partial in folder.rglob(f".*{PARTIAL}"):
        if not has_living_writer(partial):
            partial.unlink(missing_ok=True)


def is_disk_full(error: BaseException) -> bool:
    """Whether ``error`` says that the disk is full, directly or through torch's own writer."""
    cause = os_error_behind(error)
    return cause is not None and cause.errno in DISK_FULL_ERRNOS


def os_error_behind(error: BaseException) -> OSError | None:
    """The OSError that ``error`` is, or that led to it: torch's zip writer replaces it by a RuntimeError whose context still holds it."""
    context: BaseException | None = error
    while context is not None and not isinstance(context, OSError):
        context = context.__cause__ or context.__context__
    return context


def disk_full_message(path: Path) -> str:
    free = shutil.disk_usage(nearest_existing(path.parent)).free
    return (
        f"no space left to write {path} ({free / 1e6:.1f} MB free there). What was written before is intact: "
        "free some space or point the output elsewhere, then run the same command again; it continues."
    )


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
    # ValueError: no UTF-8, no JSON, or a number of thousands of digits.
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"cannot read {path}: {' '.join(str(error).split())}") from error


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
        require_fitting_members(path)
        require_intact(path)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except FileNotFoundError as error:
        raise missing_file(path, f"cannot read {path}: {error}") from error
    except BROKEN_ARRAYS as error:
        reason = " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__
        raise DataError(f"cannot read {path}: {reason}") from error


def write_torch(path: Path, value: Mapping[str, Any]) -> None:
    """Save tensors and plain values, readable with ``weights_only=True``."""
    # Takes a second, and this module is behind every small command.
    import torch

    atomic_write(path, lambda file: torch.save(value, file))
