"""A share of a list, to spread a test over machines by hand (``--total_parts``, ``--cur_part``; sgan spec, section 6.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from common.errors import ConfigError

Item = TypeVar("Item")


def part_of(items: Sequence[Item], total: int, number: int) -> Sequence[Item]:
    """Part ``number`` (1..total) of consecutive items; the last part takes the remainder.

    Raises:
        ConfigError: there is no such part.
    """
    if not 1 <= number <= total:
        raise ConfigError(f"part {number} of {total} does not exist; test.part is 1..test.total_parts")
    length = len(items) // total
    return items[length * (number - 1) : length * number if number < total else len(items)]
