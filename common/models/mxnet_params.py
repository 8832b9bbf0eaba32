"""Read the tensors of an MXNet ``.params`` file without MXNet.

The format (little-endian): a magic number, a reserved word, the number of arrays, the arrays, the number of names, the
names. Each array: shape, device, type, values. Three generations write the shape differently; all are read. Sparse arrays
are not, since no network of the field has one.
"""

from __future__ import annotations

import math
import os
import struct
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from common.errors import CheckpointError

LIST_MAGIC = 0x112
# First word of an array: the generations since 2017 (int64 shapes); in older files it is the number of dimensions.
SHAPE64_MAGIC, STORAGE_MAGIC, NUMPY_SHAPE_MAGIC = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
TYPES = {0: "<f4", 1: "<f8", 2: "<f2", 3: "u1", 4: "<i4", 5: "i1", 6: "<i8"}
MOST_DIMENSIONS = 8


class _BrokenFile(Exception):
    """The bytes do not follow the format."""


def read_mxnet_params(path: Path | str) -> dict[str, torch.Tensor]:
    """Name (``arg:conv1a_weight``, ``aux:bn7_moving_mean``) -> tensor on the CPU, of the shape and type in the file.

    Raises:
        CheckpointError: the file is missing, damaged or of another format.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"there is no weights file {path}; check the path.")
    try:
        with path.open("rb") as file:
            return _read(file)
    # A damaged shape or text raises whatever numpy makes of it.
    except (_BrokenFile, struct.error, ValueError, OverflowError, OSError) as error:
        raise CheckpointError(f"{path} is not a readable MXNet .params file ({error}); fetch it again.") from error


def _read(file: IO[bytes]) -> dict[str, torch.Tensor]:
    if _word(file, "Q") != LIST_MAGIC:
        raise _BrokenFile("it does not begin like one")
    _word(file, "Q")
    arrays = [_read_array(file) for _ in range(_word(file, "Q"))]
    names = [_bytes(file, _word(file, "Q")).decode("utf-8") for _ in range(_word(file, "Q"))]
    if len(names) != len(arrays):
        raise _BrokenFile(f"{len(arrays)} arrays with {len(names)} names")
    if len(set(names)) != len(names) or file.read(1):
        raise _BrokenFile("a name occurs twice, or something stands behind the last one")
    return {name: torch.from_numpy(array) for name, array in zip(names, arrays, strict=True)}


def _read_array(file: IO[bytes]) -> np.ndarray:
    magic = _word(file, "I")
    if magic in (STORAGE_MAGIC, NUMPY_SHAPE_MAGIC) and _word(file, "i") != 0:
        raise _BrokenFile("it holds a sparse array")
    modern = magic in (SHAPE64_MAGIC, STORAGE_MAGIC, NUMPY_SHAPE_MAGIC)
    n_dimensions = _word(file, "I") if modern else magic
    if n_dimensions > MOST_DIMENSIONS:
        raise _BrokenFile(f"an array with {n_dimensions} dimensions")
    shape = [_word(file, "q" if modern else "I") for _ in range(n_dimensions)]
    if not shape:
        raise _BrokenFile("an array without a shape")
    _bytes(file, 8)  # the device it was saved from
    kind = _word(file, "i")
    if kind not in TYPES or min(shape) < 0:
        raise _BrokenFile(f"an array of type {kind} and shape {shape}")
    dtype = np.dtype(TYPES[kind])
    values = np.frombuffer(_bytes(file, math.prod(shape) * dtype.itemsize), dtype)
    return values.reshape(shape).copy()


def _word(file: IO[bytes], form: str) -> Any:
    """One number of :mod:`struct`'s format ``form``."""
    form = "<" + form
    return struct.unpack(form, _bytes(file, struct.calcsize(form)))[0]


def _bytes(file: IO[bytes], count: int) -> bytes:
    # Looked at before: reading reserves the memory that a damaged count asks for.
    if count > os.fstat(file.fileno()).st_size - file.tell():
        raise _BrokenFile("it ends too early")
    return file.read(count)
