"""Names of classes that look like slips of the keyboard or of the table, and classes with too few images."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Mapping, Sequence

# Fewer images than this hardly teach a class.
FEW = 10
ALIKE = 0.8
# A slip is rarer than what was meant, by at least this factor.
RARER = 5
# What people put between two tags besides what a table knows.
BETWEEN_TAGS = re.compile(r"[/+&,]| and ")


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


def mended(tags: Mapping[str, Sequence[str]], slips: Mapping[str, str]) -> dict[str, list[str]]:
    """The tags (id -> class names) with every slip replaced by what was meant."""
    return {one: list(dict.fromkeys(slips.get(name, name) for name in names)) for one, names in tags.items()}


def plain(name: str) -> str:
    return "".join(name.casefold().replace("-", " ").replace("_", " ").split())


def rare_classes(counts: Mapping[str, int]) -> list[str]:
    """The classes with fewer than :data:`FEW` images."""
    return [name for name, count in counts.items() if count < FEW]


def compound_names(counts: Mapping[str, int]) -> dict[str, list[str]]:
    """Name -> the classes that it consists of: ``cat/dog`` beside ``cat`` and ``dog``, two tags that a table did not separate."""
    found = {name: [part.strip() for part in BETWEEN_TAGS.split(name)] for name in counts}
    return {name: pieces for name, pieces in found.items() if len(pieces) > 1 and all(one in counts for one in pieces)}


def inseparable_names(tags: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Pairs of classes that the same images have, several of them: ``traffic`` and ``light``, one name that was cut at its space."""
    images: dict[str, set[str]] = {}
    for image_id, names in tags.items():
        for name in names:
            images.setdefault(name, set()).add(image_id)
    pairs = itertools.combinations(images, 2)
    return [(one, other) for one, other in pairs if images[one] == images[other] and len(images[one]) > 1]


def odd_names(tags: Mapping[str, Sequence[str]], counts: Mapping[str, int]) -> list[str]:
    """What the two have to say, as sentences.

    Args:
        tags: id -> class names.
        counts: images per class.
    """
    said = [
        f"{name!r} looks like {len(pieces)} tags ({', '.join(pieces)}); separate them with ;"
        for name, pieces in compound_names(counts).items()
    ]
    said += [
        f"{one!r} and {other!r} are always on the same images; if they are one tag, list {f'{one} {other}'!r} in classes.txt"
        for one, other in inseparable_names(tags)
    ]
    return said
