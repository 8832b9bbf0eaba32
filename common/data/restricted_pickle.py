"""Reading the field's pickled data files (``cls_labels.npy``, ``im_tags.pkl``, CAM dictionaries) without trusting them.

A pickle is a program: it names functions and calls them. Here every name a file may use is bound to a stand-in from
:mod:`common.data.pickle_builders`, which builds arrays, numbers, strings and containers and nothing else; no function
of numpy, torch or Python is ever within the file's reach. Any other name is refused and reported.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from common.data.pickle_builders import BUILDERS, ArrayBuilder, PickleRefused
from common.data.pickle_limits import BUDGET, MOST_ENTRIES, check_table, entries_of, with_deep_stack
from common.errors import DataError
from common.failures import missing_file
from common.files import LONGEST_REASON, require_npy_intact
from common.npy_header import BROKEN_ARRAYS, read_npy_header, require_values

SHORT_TEXT = 8

# What a broken or hostile stream makes the unpickler and the builders raise.
PICKLE_ERRORS = (
    *BROKEN_ARRAYS, pickle.UnpicklingError, AssertionError, ImportError, SystemError,
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
    try:
        require_npy_intact(file)
        shape, dtype = read_npy_header(file)
        if not dtype.hasobject:
            start = file.tell()
            require_values(shape, dtype, file.seek(0, io.SEEK_END) - start)
            file.seek(0)
            return np.load(file, allow_pickle=False)
    except PICKLE_ERRORS as error:
        raise DataError(f"{name} is not a readable .npy file: {one_line(error)}") from error
    content = unpickle(file, name)
    if dtype != np.dtype(object) or not isinstance(content, np.ndarray) or content.shape != shape:
        raise DataError(f"{name}: its header does not fit the pickled content; the file is damaged, get it again.")
    return content.item() if shape == () else content


def unpickle(file: IO[bytes], name: str) -> Any:
    """The object pickled in ``file``, built from plain data only."""
    data = file.read()
    try:
        check_table(data)
        return Finishing().finish(with_deep_stack(lambda: load_budgeted(data), data))
    except PickleRefused as error:
        raise DataError(
            f"{name} asks for {one_line(error)}, which a file of arrays and plain values does not need; refused, nothing was "
            "executed. Get the file from a trusted source or convert it to .csv, .txt or a plain .npz."
        ) from error
    except PICKLE_ERRORS as error:
        raise DataError(f"{name} is not a readable pickle of arrays and plain values: {one_line(error)}") from error


def load_budgeted(data: bytes) -> Any:
    """The object pickled in ``data`` with builders in the place of arrays."""
    BUDGET.begin(len(data))
    return RestrictedUnpickler(io.BytesIO(data)).load()


def one_line(error: BaseException) -> str:
    """What an error says, on one line of bounded length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}..."


class Finishing:
    """Replaces every :class:`ArrayBuilder` inside a value by its array.

    Attributes:
        finished: (result, entries in it) by identity of the source object, so that shared arrays and containers stay shared.
        open_ids: identities of the containers being worked on, to notice one that contains itself.
        entries, distinct: of what is finished: those in shared containers counted every time, and once.
    """

    def __init__(self) -> None:
        self.finished: dict[int, tuple[Any, int]] = {}
        self.open_ids: set[int] = set()
        self.texts: set[int] = set()
        self.entries = self.distinct = 0

    def finish(self, value: Any) -> Any:
        """The value with arrays; ``entries`` grows by the entries in it, those of shared containers counted every time.

        Raises:
            ValueError: a container holds itself, or so many entries that looking at all of them would not end.
        """
        if isinstance(value, (str, bytes, bool, int, float, complex, type(None))):
            entries = entries_of(value)
            self.entries += entries
            # A long text may be referred to again and again.
            self.distinct += entries if entries <= SHORT_TEXT or id(value) not in self.texts else 1
            if entries > SHORT_TEXT:
                self.texts.add(id(value))
            return value
        key = id(value)
        if key in self.open_ids:
            raise ValueError("a container that holds itself")
        before = self.entries
        if key in self.finished:
            result, entries = self.finished[key]
            self.entries += entries
        else:
            self.open_ids.add(key)
            result = finish_container(value, self.finish)
            self.open_ids.remove(key)
            own = result.size if isinstance(result, np.ndarray) else entries_of(result)
            self.entries += own
            self.distinct += own
            self.finished[key] = result, self.entries - before
        if self.entries > max(MOST_ENTRIES, 4 * self.distinct):
            raise ValueError("its containers refer to each other over and over, as no file of data does")
        return result


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
