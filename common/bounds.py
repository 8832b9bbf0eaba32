"""Which values a setting takes: declared beside the field, checked before anything is written.

``lr: float = bounded(0.01, least=0)`` is a dataclass field with a default and bounds. The parser checks every setting of a
command by its dotted name; a dataclass that is built in code checks itself with :func:`require_bounds`. A class that changes
the default of an inherited setting keeps its bounds.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from itertools import pairwise
from typing import Any, TypeVar

from common.errors import ConfigError

Default = TypeVar("Default")
# Keys of a field's metadata.
BOUNDS, NOT_EMPTY = "bounds", "not empty"
# A whole number beyond it is a slip: torch, numpy and the file system end here.
LARGEST = 2**31 - 1
LARGEST_SEED = 2**63 - 1
# Pixels along a side of an image: what a JPEG file can hold.
LONGEST_SIDE = 65535
LARGEST_SCALE = 16.0
MOST_IMAGES = 65536
# Of one machine.
MOST_PROCESSES = 1024


@dataclass(frozen=True)
class Bounds:
    """The values of a setting that is a number, a list of numbers, or left out (None).

    Attributes:
        least, most: included.
        above, below: not included.
        also: values outside of these that have a meaning of their own.
        items: least and greatest length of a list.
        ascending: whether a list is in ascending order.
    """

    least: float = -math.inf
    most: float = math.inf
    above: float = -math.inf
    below: float = math.inf
    also: tuple[float, ...] = ()
    items: tuple[int, int] = (0, LARGEST)
    ascending: bool = False

    def allow(self, value: Any) -> bool:
        """Whether a value (a number, a sequence of numbers, None) is within the bounds; NaN and infinity never are."""
        if value is None:
            return True
        if isinstance(value, Sequence):
            in_order = not self.ascending or all(one <= other for one, other in pairwise(value))
            return self.items[0] <= len(value) <= self.items[1] and all(map(self.allow, value)) and in_order
        if value in self.also:
            return True
        is_safe = (
            math.isfinite(value)
            if isinstance(value, float)
            else abs(value) <= LARGEST or LARGEST < self.most < math.inf
        )
        return is_safe and self.least <= value <= self.most and self.above < value < self.below

    def in_words(self, value: Any) -> str:
        """What to give in place of ``value``: ``a number above 0, at most 1``."""
        is_list = isinstance(value, Sequence)
        one = (value[0] if value else 0.0) if is_list else value
        kind = "whole number" if isinstance(one, int) else "number"
        limits = self.limits(LARGEST if isinstance(one, int) and math.isinf(self.most) else self.most)
        text = " ".join(filter(None, (f"{kind}s" if is_list else f"a {kind}", ", ".join(limits))))
        text += "".join(f", or {plain(number)}" for number in self.also)
        if is_list and self.items != (0, LARGEST):
            text += f", {self.length()}"
        return text + ", in ascending order" * (is_list and self.ascending)

    def limits(self, most: float) -> list[str]:
        """The limits that there are, as ``from 0 to 1`` or ``above 0``."""
        if math.isfinite(self.least) and math.isfinite(most):
            return [f"from {plain(self.least)} to {plain(most)}"]
        named = (("at least", self.least), ("above", self.above), ("at most", most), ("below", self.below))
        return [f"{words} {plain(limit)}" for words, limit in named if math.isfinite(limit)]

    def length(self) -> str:
        """How long a list is, in words."""
        least, most = self.items
        if least == most:
            return f"{least} of them"
        return f"at least {least} of them" if most == LARGEST else f"{least} to {most} of them"


def plain(number: float) -> str:
    """A limit without an exponent or a needless fraction."""
    return str(int(number)) if number == int(number) else str(number)


def bounded(default: Default, **bounds: Any) -> Default:
    """A dataclass field with a default (a number, a list or tuple of numbers, None) and the :class:`Bounds` of the keywords.

    Without any, every finite number is allowed, of whole ones those up to :data:`LARGEST`.
    """
    metadata = {BOUNDS: Bounds(**bounds)}
    if isinstance(default, list):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def bounded_share(default: float) -> float:
    """A dataclass field that is a number from 0 to 1."""
    return bounded(default, least=0, most=1)


def bounded_side(default: int, least: int = 1) -> int:
    """A dataclass field that is a number of pixels; with ``least`` 0 it may be off."""
    return bounded(default, least=least, most=LONGEST_SIDE)


def bounded_scales(default: list[float], least_items: int = 0) -> list[float]:
    """A dataclass field that is a list of factors of an image's size."""
    return bounded(default, above=0, most=LARGEST_SCALE, items=(least_items, 64))


def needed_text(default: str) -> str:
    """A dataclass field that is a text which cannot be empty."""
    return field(default=default, metadata={NOT_EMPTY: default})


def declared(config_class: type[Any], name: str) -> Mapping[str, Any]:
    """The metadata of a field, of the nearest class that declares any."""
    for one in config_class.__mro__:
        own = one.__dict__.get("__dataclass_fields__", {}).get(name)
        if own is not None and own.metadata:
            return dict(own.metadata)
    return {}


def require_bounds(section: Any, name: str = "") -> None:
    """Raise :class:`ConfigError` unless a dataclass and the sections in it are within their bounds.

    Args:
        name: dotted name of the section, for the message.
    """
    for setting, value, metadata in declarations(section, f"{name}." if name else ""):
        require_allowed(setting, value, metadata)


def declarations(section: Any, prefix: str = "") -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    """(dotted name, value, metadata) of all settings of a dataclass, those of its sections included."""
    for one in fields(section):
        value = getattr(section, one.name)
        if is_dataclass(value):
            yield from declarations(value, f"{prefix}{one.name}.")
        else:
            yield f"{prefix}{one.name}", value, declared(type(section), one.name)


def require_allowed(name: str, value: Any, metadata: Mapping[str, Any]) -> None:
    """Raise :class:`ConfigError` unless a value is as its setting's metadata wants it."""
    bounds = metadata.get(BOUNDS)
    if bounds is not None and not bounds.allow(value):
        raise ConfigError(f"{name} is {in_digits(value)}; give {bounds.in_words(value)}")
    if isinstance(value, str) and "\0" in value:
        raise ConfigError(f"{name} is {value!r}; leave out the NUL character")
    if NOT_EMPTY in metadata and not value.strip():
        raise ConfigError(f"{name} is empty; give one, or leave the setting out for {metadata[NOT_EMPTY]!r}")


def in_digits(value: Any) -> str:
    """A value of a setting for a message."""
    try:
        return str(list(value) if isinstance(value, Sequence) else value)
    except ValueError:
        # The interpreter writes out no number of more than some thousand digits.
        return "a number of thousands of digits"


def add_number(
    parser: argparse.ArgumentParser,
    flag: str,
    default: Any,
    text: str,
    *,
    kind: type[Any] | None = None,
    nargs: str | None = None,
    metavar: str | None = None,
    **bounds: Any,
) -> None:
    """Add an argument that is a number, or several, within the :class:`Bounds` of the keywords; anything else is a :class:`ConfigError`.

    Args:
        default: a number, several of them, or None.
        text: the help.
        kind: int or float; by default that of ``default``, int for None.
    """
    first = default[0] if isinstance(default, Sequence) else default
    number = kind or (float if isinstance(first, float) else int)
    allowed = Bounds(**bounds)

    def read(given: str) -> Any:
        try:
            value = number(given)
        except ValueError:
            value = None
        if value is None or not allowed.allow(value):
            raise ConfigError(f"{flag} is {given!r}; give {allowed.in_words(number())}")
        return value

    parser.add_argument(flag, type=read, default=default, help=text, nargs=nargs, metavar=metavar)


def fields_and_defaults(config_class: type[Any]) -> list[tuple[Field[Any], Any]]:
    """The fields of a dataclass, each with its default."""
    pairs = [(one, one.default_factory) for one in fields(config_class)]
    return [(one, one.default if made is MISSING else made()) for one, made in pairs]


def settings_metadata(config_class: type[Any]) -> dict[str, Mapping[str, Any]]:
    """Dotted name -> what is declared of all settings of a nested dataclass."""
    metadata: dict[str, Mapping[str, Any]] = {}
    for one, default in fields_and_defaults(config_class):
        if is_dataclass(default):
            metadata |= {f"{one.name}.{name}": inner for name, inner in settings_metadata(type(default)).items()}
        else:
            metadata[one.name] = declared(config_class, one.name)
    return metadata
