"""What the commands that judge a folder of label maps share: which images and names, and percent as text."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from common.data.classes import MAX_CLASSES, read_class_names
from common.errors import ConfigError, DataError


def add_scored(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which images and which names are judged."""
    parser.add_argument("--list", type=Path, required=True, help="image list (ids, path pairs, or ids with classes)")
    parser.add_argument("--classes", required=True, help="number of classes without the background, or file of names")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="judge only these; the truth of others is ignored")


def scored_names(arguments: argparse.Namespace) -> tuple[tuple[str, ...], list[int]]:
    """All names, background first, and the labels that are judged.

    Raises:
        ConfigError, DataError: the number of classes is not possible, or a name is unknown.
    """
    names = ("background", *class_names(arguments.classes))
    return names, [label_of(name, names) for name in arguments.only or names]


def class_names(text: str) -> tuple[str, ...]:
    """Names of the classes from ``--classes``: a number gives "class 1", "class 2", ...; anything else is a file."""
    if not text.isdigit():
        return read_class_names(Path(text))
    if not 1 <= int(text) <= MAX_CLASSES:
        raise ConfigError(f"--classes {text} must be 1 to {MAX_CLASSES}, without the background (20 for VOC).")
    return tuple(f"class {number}" for number in range(1, int(text) + 1))


def label_of(name: str, names: tuple[str, ...]) -> int:
    if name not in names:
        raise DataError(f"--only {name!r} is not among the classes {', '.join(names)}.")
    return names.index(name)


def percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.2f}"
