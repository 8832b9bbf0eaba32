"""``tags.csv``: one row per image, its id and the names of its classes; no header.

These rows mean the same::

    street_1,car traffic light
    street_1,car;traffic light
    street_1,car|traffic light
    street_1,car,traffic light
    street_1,"car","traffic light"

With known class names a name may contain spaces even where spaces also separate names: the longest known name wins.
Without known names (a folder that has no ``classes.txt``) spaces separate names, unless the file uses ``;``, ``|``,
quotes or further columns anywhere: then those separate, and spaces belong to the names.
A row with an id and nothing else is an image that shows no class.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from common.data.classes import check_class_names
from common.data.textfile import read_dataset_text
from common.errors import DataError

Row = tuple[str, list[str]]
HEADS_OF_IDS = ("id", "image", "image_id", "image_name", "file", "filename", "file_name", "name")
HEADS_OF_TAGS = frozenset(
    ("tag", "tags", "label", "labels", "class", "classes", "category", "categories", "class_name")
)


def read_csv_names(path: Path, classes: Collection[str]) -> dict[str, list[str]]:
    """id -> class names; words that are no known class are returned as they are, for the caller to refuse.

    Raises:
        DataError: the file is missing or empty, a row has no id or no second column, or an id occurs twice.
    """
    known = set(classes)
    longest = max((len(name.split()) for name in known), default=1)
    return {
        image_id: [name for field in fields for part in parts(field) for name in match_names(part, known, longest)]
        for image_id, fields in read_rows(path)
    }


def csv_class_names(path: Path) -> tuple[str, ...]:
    """All class names that occur in ``path``, sorted: the class list of a folder that has none.

    Raises:
        DataError: as :func:`read_csv_names`, or there are no names, too many, or the background is among them.
    """
    rows = read_rows(path)
    separated = any(len(fields) > 1 for _, fields in rows) or re.search(r'[;|"]', read_dataset_text(path)) is not None
    split = parts if separated else str.split
    names = tuple(sorted({name for _, fields in rows for field in fields for name in split(field)}))
    require_no_heading(rows, path)
    check_class_names(names, path)
    return names


def require_no_heading(rows: Sequence[Row], path: Path) -> None:
    """Raise :class:`DataError` where the first row heads columns: its words would become an image and a class."""
    image_id, fields = rows[0]
    if image_id.lower() in HEADS_OF_IDS and {field.lower() for field in fields} <= HEADS_OF_TAGS:
        raise DataError(f"{path} line 1 {image_id},{','.join(fields)} is a heading; remove it.")
    words = [name for _, others in rows[1:] for field in others for name in parts(field)]
    if words and fields and set(words) <= {"0", "1"} and not set(fields) <= {"0", "1"}:
        raise DataError(
            f"{path} has a column of 0 and 1 per class; write a row '<id>,<class name> <class name> ...' per image, "
            "without a heading."
        )


def read_rows(path: Path) -> list[Row]:
    """(id, remaining columns) of every row that is not blank."""
    reader = csv.reader(io.StringIO(read_dataset_text(path)), skipinitialspace=True)
    rows: dict[str, list[str]] = {}
    try:
        for row in reader:
            if not any(column.strip() for column in row):
                continue
            image_id = row[0].strip()
            if not image_id or len(row) < 2:
                raise DataError(
                    f"{path} line {reader.line_num}: expected '<id>,<class name> ...', found {','.join(row)!r}."
                )
            if image_id in rows:
                raise DataError(f"{path} line {reader.line_num} repeats id {image_id!r}; put all its names in one row.")
            rows[image_id] = row[1:]
    except csv.Error as error:
        raise DataError(f"{path} line {reader.line_num} is not valid CSV: {error}.") from error
    if not rows:
        raise DataError(f"{path} is empty; it needs one row '<id>,<class name> <class name> ...' per image.")
    return list(rows.items())


def parts(field: str) -> list[str]:
    """``field`` cut at ``;`` and ``|``."""
    return [part.strip() for part in re.split(r"[;|]", field) if part.strip()]


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
