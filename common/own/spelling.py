"""Names of classes that look like slips of the keyboard, and classes with too few images."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

# Fewer images than this hardly teach a class.
FEW = 10
ALIKE = 0.8
# A slip is rarer than what was meant, by at least this factor.
RARER = 5


def likely_slips(counts: Mapping[str, int]) -> dict[str, str]:
    """Name -> the class it probably means: equal but for capitals, spaces and hyphens, or rare and almost equal.

    Args:
        counts: images per class.
    """
    slips = {}
    for name, count in sorted(counts.items(), key=lambda item: item[1]):
        for other in sorted(counts, key=lambda one: -counts[one]):
            if other == name or other in slips or counts[other] < count:
                continue
            same = plain(name) == plain(other)
            alike = difflib.SequenceMatcher(None, plain(name), plain(other)).ratio() >= ALIKE
            if same or (alike and count * RARER <= counts[other]):
                slips[name] = other
                break
    return slips


def plain(name: str) -> str:
    return "".join(name.casefold().replace("-", " ").replace("_", " ").split())


def rare_classes(counts: Mapping[str, int]) -> list[str]:
    """The classes with fewer than :data:`FEW` images."""
    return [name for name, count in counts.items() if count < FEW]
