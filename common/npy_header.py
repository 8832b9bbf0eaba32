"""What the header of a stored array announces, held against what is there, before memory is taken for it."""

from __future__ import annotations

import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

# A damaged array or archive raises whatever its damaged part leads to.
BROKEN_ARRAYS = (
    OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, SyntaxError, IndexError, OverflowError, MemoryError,
    RuntimeError, struct.error, tokenize.TokenError, lzma.LZMAError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip

# Arrays of one archive, unpacked. Probabilities of 81 labels of a photograph of 24 megapixels in half precision are 4 GB.
MOST_UNPACKED = 8 << 30


def read_npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of the array at the start of a ``.npy`` stream, which then stands at its values.

    Raises:
        ValueError: it is no header, or of a version that only tables with named columns have.
    """
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"its version {version} is not one of plain arrays")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if min(shape, default=0) < 0:
        raise ValueError(f"its header announces the shape {shape}")
    return shape, dtype


def require_values(shape: tuple[int, ...], dtype: np.dtype[Any], n_bytes: int) -> None:
    """Raise :class:`ValueError` where a header announces more values than ``n_bytes`` hold."""
    announced = math.prod(shape) * dtype.itemsize
    if announced > n_bytes:
        raise ValueError(f"its header announces {announced} bytes of values, but {n_bytes} follow")


def require_fitting_members(path: Path) -> None:
    """Raise :class:`ValueError` where an ``.npz`` would unpack to too much, or a packed array to other than its shape says.

    Members that are not packed cannot be larger than the file; of them nothing is read here.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        unpacked = sum(member.file_size for member in members)
        if unpacked > MOST_UNPACKED:
            raise ValueError(f"it unpacks to {unpacked / 1e9:.1f} GB; at most {MOST_UNPACKED / 1e9:.1f} are read")
        for member in members:
            if member.compress_type == zipfile.ZIP_STORED:
                continue
            with archive.open(member) as file:
                shape, dtype = read_npy_header(file)
                n_bytes = member.file_size - file.tell()
            if math.prod(shape) * dtype.itemsize != n_bytes:
                raise ValueError(
                    f"{member.filename} announces the shape {shape} but unpacks to {n_bytes} bytes of values"
                )
