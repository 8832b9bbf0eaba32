"""What the lines of a class file mean: plain names, numbered names, names with colours, and what no class can be called.

===========================================  ===============================================================
a line                                       written by
===========================================  ===============================================================
``cat``                                      labelImg, darknet (``obj.names``), Label Studio, Roboflow, labelme
``cat,`` or ``"cat"`` or ``- cat``           lists copied from a program or a YAML file
``0 cat``, ``0: cat``, ``0,cat``, ``cat,0``  COCO-Stuff, deeplab-pytorch, tables of ids
``n02123045 tabby, tabby cat``               ImageNet's ``synset_words``
``cat:10,10,128::``                          CVAT and Datumaro (``labelmap.txt``)
``64 0 0 Car`` or ``Car 64 0 0``             CamVid (``label_colors.txt``)
===========================================  ===============================================================

Files that number their names say themselves which one is label 0, so a background there is left out. A list of bare names
does not: there a background is refused, as every class behind it would move by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from common.errors import DataError

BACKGROUND_NAMES = frozenset(("background", "bg", "backgroundclass"))
IGNORE_NAMES = frozenset(("ignore", "ignored", "ignorelabel", "void", "unlabeled", "unlabelled", "dontcare"))
# Numbers that the tools give to pixels without a label.
IGNORE_NUMBERS = (-1, 255)
# Words that head a column of numbers or of names, or stand above a list of names.
NUMBER_HEADS = ("id", "idx", "index", "number", "value", "pixel value", "png_index", "class_id", "label_id", "train_id")
NAME_HEADS = (
    "name",
    "names",
    "class_name",
    "class name",
    "classname",
    "title",
    "class",
    "label",
    "category",
    "classes",
)
HEAD_WORDS = frozenset(word for head in (*NUMBER_HEADS, *NAME_HEADS) for word in head.split())
# Alone above a list. Others, such as "title" and "number", are classes of real datasets.
LIST_HEADS = frozenset(
    ("name", "names", "class", "classes", "label", "labels", "class_name", "class_names", "class name", "class names")
)
PLAIN_LIST = "write one class name per line, in the order of the labels 1, 2, ..., without the background"

LONGEST_LINE = 1000
LABELMAP_HEAD = re.compile(r"#\s*label\s*:\s*colou?r", re.IGNORECASE)
LABELMAP_LINE = re.compile(r"(?P<name>.+?)\s*:\s*(?:\d+\s*,\s*\d+\s*,\s*\d+)?\s*:[^:]*:[^:]*")
WITH_COLOURS = (
    re.compile(r"\d{1,3}[\s,]+\d{1,3}[\s,]+\d{1,3}[\s,:]+(?P<name>\D.*)"),
    re.compile(r"(?P<name>.*?\D)[\s,:]+\d{1,3}[\s,]+\d{1,3}[\s,]+\d{1,3}"),
)
SYNSET_LINE = re.compile(r"n\d{8}\s+(?P<name>[^,]+).*")
SEPARATED = (
    re.compile(r"(?P<number>-?\d+)\s*[:,;=\t]\s*(?P<name>\S.*)"),
    re.compile(r"(?P<number>-?\d+)[.)]\s+(?P<name>\S.*)"),
    re.compile(r"(?P<name>.*\S)\s*[:,;=\t]\s*(?P<number>-?\d+)"),
)
SPACED = re.compile(r"(?P<number>-?\d+)\s+(?P<name>\S.*)")
NO_NAME = re.compile(r"[,={}<>\[\]\x00-\x1f]|:$|^#$|^-?\d+\s*:")


class Named(NamedTuple):
    """A name of a class file, the line it stands on, and the number that the file gives it (None: none)."""

    line: int
    name: str
    number: int | None = None


def reserved_name(name: str) -> str:
    """``background`` or ``ignore`` where a name means that in some tool, in any spelling; else ""."""
    bare = re.sub(r"[\W_]", "", name).lower()
    return "background" if bare in BACKGROUND_NAMES else "ignore" if bare in IGNORE_NAMES else ""


def refused(path: Path, line: int, why: str) -> DataError:
    return DataError(f"{path} line {line}: {why}.")


def names_of_lines(lines: Sequence[tuple[int, str]], path: Path) -> list[Named]:
    """The classes that the lines of a text file name, as the table above reads them.

    Args:
        lines: (number from 1, stripped text) of those that are not blank.

    Raises:
        DataError: a line is of no known form, or what it names is no class; file and line are named.
    """
    for number, text in lines:
        if len(text) > LONGEST_LINE:
            raise refused(path, number, f"holds {len(text)} characters, more than a class name; {PLAIN_LIST}")
    labelmap = any(LABELMAP_HEAD.match(text) for _, text in lines)
    kept = [(number, unwrapped(text)) for number, text in lines if not (text.startswith("#") and text != "#")]
    if labelmap or (kept and all(LABELMAP_LINE.fullmatch(text) for _, text in kept)):
        return without_reserved(by_place(matched(kept, LABELMAP_LINE, "name:r,g,b:parts:actions", path)), path)
    kept = without_heading(kept, path)
    for form in WITH_COLOURS:
        if kept and all(form.fullmatch(text) for _, text in kept):
            return without_reserved(by_place(matched(kept, form, "", path)), path)
    if kept and all(SYNSET_LINE.fullmatch(text) for _, text in kept):
        return matched(kept, SYNSET_LINE, "", path)
    for form in SEPARATED:
        found = [form.fullmatch(text) is not None for _, text in kept]
        if any(found) and (all(found) or found[0]):
            return in_order(matched(kept, form, "a number and a name", path), path)
    if is_numbered(kept):
        return in_order(matched(kept, SPACED, "", path), path)
    return [plain_name(number, text, path) for number, text in kept]


def unwrapped(text: str) -> str:
    """A line without what a list in a program or a YAML file puts around a name."""
    text = text.removeprefix("- ").strip().removesuffix(",").strip()
    return text[1:-1].strip() if len(text) > 2 and text[0] == text[-1] and text[0] in "\"'" else text


def matched(lines: Sequence[tuple[int, str]], form: re.Pattern[str], expected: str, path: Path) -> list[Named]:
    names = []
    for number, text in lines:
        found = form.fullmatch(text)
        if found is None:
            raise refused(path, number, f"{text!r} is not {expected}, as the lines before it; {PLAIN_LIST}")
        given = found.groupdict().get("number")
        names.append(Named(number, unwrapped(found["name"]), None if given is None else int(given)))
    return names


def without_heading(lines: list[tuple[int, str]], path: Path) -> list[tuple[int, str]]:
    """The lines behind a heading of numbers and names; a heading above bare names is refused, as it may be a class."""
    if not lines:
        return lines
    (number, text), *body = lines
    if text.lower() in LIST_HEADS:
        raise refused(path, number, f"{text!r} looks like a heading; remove that line, or call the class otherwise")
    is_heading = set(re.split(r"[\s,;]+", text.lower())) <= HEAD_WORDS and len(text.split()) > 1
    return body if is_heading and body and re.match(r"-?\d+\b|.*\s-?\d+$", body[0][1]) else lines


def is_numbered(lines: Sequence[tuple[int, str]]) -> bool:
    """Whether a number and a space before every name count the names: names such as ``2 door`` do so too by chance."""
    found = [SPACED.fullmatch(text) for _, text in lines]
    numbers = [int(one["number"]) for one in found if one]
    names = [one["name"] for one in found if one]
    if not names or len(names) < len(found) or len(set(names)) < len(names):
        return False
    return min(numbers) <= 1 and all(before < after for before, after in pairwise(numbers))


def plain_name(number: int, text: str, path: Path) -> Named:
    """The class of a line that is a bare name."""
    if NO_NAME.search(text):
        raise refused(path, number, f"{text!r} is no class name, and of no known form of a class file; {PLAIN_LIST}")
    return Named(number, text)


def by_place(names: Sequence[Named]) -> list[Named]:
    """The names numbered from 0 where the first is no class: forms whose lines are the labels."""
    counts = bool(names) and reserved_name(names[0].name) != ""
    return [one._replace(number=place if counts else None) for place, one in enumerate(names)]


def without_reserved(names: Sequence[Named], path: Path) -> list[Named]:
    """:func:`in_order` for names that are numbered, the names as they are otherwise."""
    return in_order(names, path) if names and names[0].number is not None else list(names)


def in_order(names: Sequence[Named], path: Path, pixel_values: bool = False) -> list[Named]:
    """The classes of a file that numbers them, without the background (0) and ignored pixels (-1 or 255).

    Args:
        pixel_values: the numbers are those of masks, so that 0 must be the background; otherwise they may also count the
            classes from 0.

    Raises:
        DataError: the numbers have a gap or are not in order, or the background or ignored pixels are among the classes.
    """

    def is_left_out(one: Named) -> bool:
        kind = reserved_name(one.name)
        return bool(kind) and (one.number == 0 or (kind == "ignore" and one.number in IGNORE_NUMBERS))

    classes = [one for one in names if not is_left_out(one)]
    counts_from = 0 if classes and classes[0].number == 0 and not pixel_values and len(classes) == len(names) else 1
    for number, one in enumerate(classes, start=counts_from):
        if one.number == 0 and pixel_values:
            raise refused(
                path, one.line, f"{one.name!r} has the pixel value 0, which is the background here; {PLAIN_LIST}"
            )
        if one.number != number and not reserved_name(one.name):
            raise refused(
                path,
                one.line,
                f"{one.name!r} has number {one.number} where {number} is next; labels have no gaps. {PLAIN_LIST}",
            )
    return classes


def require_classes(names: Sequence[Named], path: Path) -> None:
    """Raise :class:`DataError` where a name means the background or ignored pixels, or comes twice; file and line are named."""
    lines: dict[str, int] = {}
    for one in names:
        refuse_reserved(one.name, lambda why, line=one.line: refused(path, line, why))  # type: ignore[misc]
        if one.name in lines:
            raise refused(
                path, one.line, f"{one.name!r} more than once (also line {lines[one.name]}); each class has one line"
            )
        lines[one.name] = one.line


def refuse_reserved(name: str, error: Callable[[str], DataError]) -> None:
    """Raise what ``error`` makes of the reason where ``name`` can be no class."""
    kind = reserved_name(name)
    if kind == "background":
        raise error(f"{name!r} is the background, which is always label 0 and never listed; remove it")
    if kind == "ignore":
        raise error(f"{name!r} stands for pixels without a label, which are 255 here and never listed; remove it")
