"""Reading the field's pickled data files (``cls_labels.npy``, ``im_tags.pkl``, CAM dictionaries) without trusting them.

A pickle is a program: it names functions and calls them. Here every name a file may use is bound to a stand-in from
:mod:`common.data.pickle_builders`, which builds arrays, numbers, strings and containers and nothing else; no function
of numpy, torch or Python is ever within the file's reach. Any other name is refused and reported.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from common.data.pickle_builders import BUILDERS, ArrayBuilder, PickleRefused
from common.errors import DataError
from common.failures import missing_file

# What a broken or hostile stream makes the unpickler and the builders raise.
PICKLE_ERRORS = (
    pickle.UnpicklingError, AttributeError, EOFError, ImportError, IndexError, KeyError, MemoryError, OverflowError,
    RecursionError, RuntimeError, TypeError, ValueError,
)  # fmt: skip


class RestrictedUnpickler(pickle.Unpickler):
    """An unpickler that only knows the names in ``BUILDERS``.

    Python 2 strings are decoded as Latin-1: that keeps the bytes of arrays intact and leaves ASCII ids as they are.
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, encoding="latin1")

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """The stand-in for a name that the file refers to; :class:`PickleRefused` where there is none."""
        builder = BUILDERS.get((module_name, global_name))
        if builder is None:
            raise PickleRefused(f"{module_name}.{global_name}")
        return builder


def load_restricted_pickle(source: str | Path | IO[bytes]) -> Any:
    """Read a pickle (any protocol, Python 2 or 3, numpy 1 or 2) that holds only arrays and plain values.

    Args:
        source: a path, or a binary file positioned at the start of the pickle.

    Returns:
        The object; numpy scalars become Python numbers, CPU torch tensors become arrays.

    Raises:
        DataError: the file is missing or broken, or uses a name that is not needed to build such data (the message
            names it). Nothing the file asks for is executed.
    """
    if not isinstance(source, (str, Path)):
        return unpickle(source, str(getattr(source, "name", "pickle")))
    return with_file(Path(source), lambda file: unpickle(file, str(source)))


def load_npy(path: str | Path) -> Any:
    """Read an ``.npy`` file with or without a pickled payload.

    Returns:
        The array; of a pickled single object (``np.save`` of a dictionary) that object, as ``.item()`` gives it.

    Raises:
        DataError: as :func:`load_restricted_pickle`, or the file is not ``.npy``.
    """
    return with_file(Path(path), lambda file: read_npy(file, str(path)))


def with_file(path: Path, read: Callable[[IO[bytes]], Any]) -> Any:
    """``read`` of the opened file; a missing or unreadable file is a :class:`DataError`."""
    try:
        with path.open("rb") as file:
            return read(file)
    except FileNotFoundError as error:
        raise missing_file(path, f"{path} does not exist.") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def read_npy(file: IO[bytes], name: str) -> Any:
    """The content of an open ``.npy`` file; see :func:`load_npy`."""
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        version = np.lib.format.read_magic(file)
        shape, _, dtype = read_header[version](file)
        if not dtype.hasobject:
            file.seek(0)
            return np.load(file, allow_pickle=False)
    except PICKLE_ERRORS as error:
        raise DataError(f"{name} is not a readable .npy file: {error}") from error
    content = unpickle(file, name)
    if dtype != np.dtype(object) or not isinstance(content, np.ndarray) or content.shape != shape:
        raise DataError(f"{name}: its header does not fit the pickled content; the file is damaged, get it again.")
    return content.item() if shape == () else content


def unpickle(file: IO[bytes], name: str) -> Any:
    """The object pickled in ``file``, built from plain data only."""
    try:
        return finish(RestrictedUnpickler(file).load(), {}, set())
    except PickleRefused as error:
        raise DataError(
            f"{name} asks for {error}, which a file of arrays and plain values does not need; refused, nothing was "
            "executed. Get the file from a trusted source or convert it to .csv, .txt or a plain .npz."
        ) from error
    except PICKLE_ERRORS as error:
        reason = str(error) or type(error).__name__
        raise DataError(f"{name} is not a readable pickle of arrays and plain values: {reason}") from error


def finish(value: Any, finished: dict[int, Any], open_ids: set[int]) -> Any:
    """Replace every :class:`ArrayBuilder` inside ``value`` by its array.

    Args:
        finished: results by identity of the source object, so that shared arrays and containers stay shared.
        open_ids: identities of the containers being worked on, to notice one that contains itself.
    """
    if isinstance(value, (str, bytes, bool, int, float, complex, type(None))):
        return value
    key = id(value)
    if key in finished:
        return finished[key]
    if key in open_ids:
        raise ValueError("a container that holds itself")
    open_ids.add(key)
    finished[key] = finish_container(value, lambda item: finish(item, finished, open_ids))
    open_ids.remove(key)
    return finished[key]


def finish_container(value: Any, finish_item: Callable[[Any], Any]) -> Any:
    """An array or a copy of a container, each item through ``finish_item``; anything else is refused."""
    if isinstance(value, ArrayBuilder):
        return value.array(finish_item)
    if isinstance(value, dict):
        return {finish_item(key): finish_item(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(finish_item(item) for item in value)
    if isinstance(value, bytearray):
        return bytearray(value)
    raise PickleRefused(f"a bare {getattr(value, 'name', type(value).__name__)}")
