"""Our own JSON records, read with the shape that their readers count on.

A file that was damaged, edited or written by something else is named, with what to do, before anything is made of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from common.data.plain_values import brief
from common.errors import DataError
from common.files import read_json

REMEDY = "delete it and run the command again that makes it"
MISSING = object()


def read_record(path: Path, shape: Mapping[str, str], remedy: str = REMEDY) -> dict[str, Any]:
    """The named values of a JSON file.

    Args:
        shape: dotted name -> its kind, a name of :data:`VALUE_CHECKS`; with a question mark behind it the value may be absent.
        remedy: what the message tells to do.

    Raises:
        DataError: the file is missing or broken, does not hold named values, or one of them is absent or of another kind.
    """
    record = read_json(path)
    if not isinstance(record, dict):
        raise DataError(f"{path} does not hold named values; {remedy}")
    for name, kind in shape.items():
        require_kind(record, name, kind, f"{path}", remedy)
    return record


def require_kind(record: Mapping[str, Any], name: str, kind: str, where: str, remedy: str = REMEDY) -> None:
    """Raise :class:`DataError` unless the value of a dotted name is of a kind; see :func:`read_record`."""
    value: Any = record
    for key in name.split("."):
        value = value.get(key, MISSING) if isinstance(value, Mapping) else MISSING
    if value is MISSING and kind.endswith("?"):
        return
    if value is MISSING:
        raise DataError(f"{where} lacks {name}; {remedy}")
    if not VALUE_CHECKS[kind.removesuffix("?")](value):
        raise DataError(f"{where}: {name} is {brief(value)}, not of the kind {kind.removesuffix('?')}; {remedy}")


def is_text(value: object) -> bool:
    """A text that is not empty."""
    return isinstance(value, str) and bool(value.strip())


def is_integer(value: object) -> bool:
    """A whole number that 64 bits can hold."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def is_number(value: object) -> bool:
    """A number that a float can hold, NaN and infinity included."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, float) or (isinstance(value, int) and is_whole and abs(value) < 2**1023)


def is_finite_number(value: object) -> bool:
    return isinstance(value, (int, float)) and is_number(value) and math.isfinite(value)


def is_dict_of(is_item: Callable[[object], bool]) -> Callable[[object], bool]:
    """Whether a value is a mapping of texts to items, and not empty."""

    def check(value: object) -> bool:
        return isinstance(value, Mapping) and bool(value) and all(is_text(k) and is_item(v) for k, v in value.items())

    return check


def is_list_of(is_item: Callable[[object], bool]) -> Callable[[object], bool]:
    """Whether a value is a list of items; it may be empty."""
    return lambda value: isinstance(value, list) and all(map(is_item, value))


VALUE_CHECKS: Mapping[str, Callable[[object], bool]] = {
    "str": is_text,
    # It may be empty.
    "text": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "int": is_integer,
    "float": is_number,
    "float | None": lambda value: value is None or is_finite_number(value),
    "finite": is_finite_number,
    "share": lambda value: is_finite_number(value) and 0 <= value <= 1,  # type: ignore[operator]
    "dict": lambda value: isinstance(value, Mapping),
    "numbers": lambda value: isinstance(value, Mapping) and all(map(is_number, value.values())),
    "dict[str, dict]": lambda value: isinstance(value, Mapping) and all(isinstance(v, Mapping) for v in value.values()),
    "dict[str, float]": is_dict_of(is_number),
    "dict[str, int]": is_dict_of(is_integer),
    # Steps by training: none where no training of the toolbox is behind.
    "counts": lambda value: isinstance(value, Mapping) and (not value or is_dict_of(is_integer)(value)),
    "dict[str, str]": is_dict_of(is_text),
    "list[str]": is_list_of(is_text),
    "list[float]": is_list_of(is_number),
}
