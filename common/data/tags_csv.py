"""``tags.csv``: one row per image, its id and the names of its classes (:mod:`common.data.tag_table` finds the columns).

These rows mean the same::

    street_1,car traffic light
    street_1,car;traffic light
    street_1,car|traffic light
    street_1,car,traffic light
    street_1,"car","traffic light"

With known class names a name may contain spaces even where spaces also separate names: the longest known name wins.
A comma inside of quotes separates names too; a name that holds one has to be in ``classes.txt``.
Without known names (a folder that has no ``classes.txt``) spaces separate names, unless the file uses ``;``, ``|``,
quotes or further columns anywhere: then those separate, and spaces belong to the names.
A row with an id and nothing else is an image that shows no class.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from common.data.classes import check_class_names
from common.data.images import IMAGE_SUFFIXES
from common.data.tag_table import TICKED, Row, is_image_name, read_tag_table
from common.data.textfile import read_dataset_text
from common.errors import DataError


def read_csv_names(path: Path, classes: Collection[str]) -> dict[str, list[str]]:
    """id -> class names; words that are no known class are returned as they are, for the caller to refuse.

    Raises:
        DataError: the file is missing or empty, a row has no id or no second column, or an id occurs twice.
    """
    known = set(classes)
    longest = max((len(name.split()) for name in known), default=1)
    rows, _ = read_tag_table(path)
    return {
        image_id: [
            name
            for field in fields
            for part in ([field] if field in known else parts(field))
            for name in names_of_part(part, known, longest)
        ]
        for image_id, fields in rows
    }


def csv_class_names(path: Path) -> tuple[str, ...]:
    """All class names that occur in ``path``, sorted: the class list of a folder that has none.

    Raises:
        DataError: as :func:`read_csv_names`, or there are no names, too many, or the background is among them.
    """
    rows, _ = read_tag_table(path)
    several = any(len(fields) > 1 or any(re.search("[;|,]", field) for field in fields) for _, fields in rows)
    separated = several or '"' in read_dataset_text(path)
    split = all_parts if separated else str.split
    names = tuple(sorted({name for _, fields in rows for field in fields for name in split(field)}))
    if not names:
        raise DataError(f"{path} names no class: not one of its {len(rows)} rows has a tag behind its image.")
    require_no_columns_of_ticks(rows, path)
    check_class_names(names, path)
    return names


def tags_as_csv(tags: Mapping[str, Sequence[str]]) -> str:
    """A ``tags.csv`` whose names may hold spaces, commas and quotes."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for image_id, names in tags.items():
        # Of an id that ends like a file name, or with a space, the end would not be read as part of it.
        ends = is_image_name(image_id) or image_id != image_id.strip()
        writer.writerow([f"{image_id}{IMAGE_SUFFIXES[0]}" if ends else image_id, *(names or [""])])
    return text.getvalue()


def require_no_columns_of_ticks(rows: Sequence[Row], path: Path) -> None:
    """Raise :class:`DataError` where the first row heads columns of ticks, e.g. 0 and 1: its words would become an image and classes."""
    _, fields = rows[0]
    words = {name.lower() for _, others in rows[1:] for field in others for name in parts(field)}
    if not words or not words <= set(TICKED):
        return
    marks = " and ".join(sorted(words))
    if {field.lower() for field in fields} <= set(TICKED):
        raise DataError(
            f"{path} holds only {marks}, and no first line that says for which classes: write one, as in 'filename,cat,dog'."
        )
    raise DataError(
        f"{path} has a column of {marks} per class; call the column of the images 'image' in its first line, or write a row "
        "'<id>,<class name> <class name> ...' per image."
    )


def parts(field: str) -> list[str]:
    """``field`` cut at ``;`` and ``|``."""
    return [part.strip() for part in re.split("[;|]", field) if part.strip()]


def all_parts(field: str) -> list[str]:
    """``field`` cut at commas too: a cell of a spreadsheet is one quoted column, whatever stands in it."""
    return [part.strip() for part in re.split("[;|,]", field) if part.strip()]


def names_of_part(part: str, known: set[str], longest: int) -> list[str]:
    """The names in a part: commas separate, unless the whole is a name."""
    pieces = [part] if part in known else all_parts(part)
    return [name for piece in pieces for name in match_names(piece, known, longest)]


def match_names(text: str, known: set[str], longest: int) -> list[str]:
    """The names in ``text``: at every word the longest run of words that is a known name, else the word itself."""
    if text in known:
        return [text]
    words = text.split()
    names = []
    start = 0
    while start < len(words):
        lengths = range(min(longest, len(words) - start), 0, -1)
        length = next((n for n in lengths if " ".join(words[start : start + n]) in known), 1)
        names.append(" ".join(words[start : start + length]))
        start += length
    return names
