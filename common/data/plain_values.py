"""Values that came out of a data file, of any type: as arrays, and in words, without a surprise."""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.errors import DataError

# What numpy raises for values that are no array: nested unevenly, texts, whole numbers of any length.
NO_ARRAY = (ValueError, TypeError, OverflowError, MemoryError, RecursionError)
LONGEST_VALUE = 120


def as_array(value: Any, what: str, path: Path, dtype: npt.DTypeLike = None) -> npt.NDArray[Any]:
    """``value`` as an array of any shape.

    Args:
        what: what the value is in the file, for the message.

    Raises:
        DataError: it cannot be one.
    """
    try:
        return np.asarray(value, dtype)
    except NO_ARRAY as error:
        raise DataError(f"{path}: {what} are no array of numbers but {brief(value)}; make the file again.") from error


def brief(value: Any) -> str:
    """A value on one line of bounded length, whatever is in it."""
    try:
        text = " ".join(
            reprlib.repr(value.tolist() if isinstance(value, np.ndarray) and value.size < 100 else value).split()
        )
    # A whole number may be too long to be written, a container too deep.
    except (ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
