"""Tables of tags as spreadsheets and annotation tools write them: which character separates, what the header says, what a row names.

=========================================  =====================================================================================
a table                                    is read as
=========================================  =====================================================================================
``street_1,car bus``                       an id and its tags; so with ``;`` or a tab in place of the comma
``street_1.jpg car bus``                   the same with spaces, where every row begins with the file name of an image
``filename,tags`` above the rows           a header, recognised by the usual words; other columns (width, split) are left out
``filename,bus,car`` above 0 and 1         one column per class, ticked or not
=========================================  =====================================================================================

What is none of these is asked back with its line, so that no header becomes a class. The extension of an image is not part of its id.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from common.data.images import IMAGE_SUFFIXES
from common.data.textfile import read_dataset_text
from common.errors import DataError

Row = tuple[str, list[str]]

IMAGE_WORDS = (
    "filename",
    "file_name",
    "file",
    "image",
    "image_name",
    "image_id",
    "img",
    "photo",
    "picture",
    "path",
    "id",
    "name",
)
TAG_WORDS = ("tags", "tag", "labels", "label", "classes", "class", "category", "categories", "keywords", "keyword")
TICKED = {"1": True, "1.0": True, "true": True, "yes": True, "x": True, "✓": True, "✔": True, "0": False, "0.0": False, "false": False, "no": False, "": False}  # fmt: skip
IMAGE_NAME = re.compile(rf"(\S.*?(?:{'|'.join(map(re.escape, IMAGE_SUFFIXES))}))((?:\s.*)?)$", re.IGNORECASE)
FIRST_SEPARATOR = re.compile(r'\s*(?:"(?:[^"]|"")*")?[^,;\t"]*([,;\t])')


def read_tag_table(path: Path) -> tuple[list[Row], str]:
    """(id, fields with tags) of every row that is not blank, and the character that separates the columns.

    Raises:
        DataError: the file is missing or empty, a row has no id or no second column, an id occurs twice, or nothing says
            which columns hold what.
    """
    text = read_dataset_text(path)
    separator = separator_of(text, path)
    table = cells_behind_names(text) if separator == " " else cells_of_table(text, separator, path)
    if not table:
        raise DataError(f"{path} is empty; it needs one row '<id>,<class name> <class name> ...' per image.")
    rows: dict[str, list[str]] = {}
    found = tagged_rows(table, path)
    if not found:
        raise DataError(f"{path} has no rows below its header; it needs one per image.")
    for line, image_id, fields in found:
        if not image_id:
            raise DataError(f"{path} line {line} has no id; every row needs the name of an image.")
        if image_id in rows:
            raise DataError(f"{path} line {line} repeats id {image_id!r}; put all its names in one row.")
        rows[image_id] = fields
    return list(rows.items()), separator


def cells_of_table(text: str, separator: str, path: Path) -> list[tuple[int, list[str]]]:
    """(line, cells) of the rows that are not blank."""
    reader = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
    try:
        return [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise DataError(f"{path} line {reader.line_num} is not valid CSV: {error}.") from error


def cells_behind_names(text: str) -> list[tuple[int, list[str]]]:
    """(line, [file name, what follows it]) where every line begins with the file name of an image, which may hold spaces."""
    matches = [(number, IMAGE_NAME.match(line.strip())) for number, line in enumerate(text.split("\n"), 1)]
    return [(number, [match[1], match[2].strip()]) for number, match in matches if match]


def separator_of(text: str, path: Path) -> str:
    """The character behind the first column, the same in every row.

    Raises:
        DataError: the rows disagree, or none has one.
    """
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    found = [(number, line, match[1] if (match := FIRST_SEPARATOR.match(line)) else "") for number, line in lines]
    kinds = {kind for _, _, kind in found}
    if not lines or kinds == {","}:
        return ","
    if kinds == {""} and all(IMAGE_NAME.match(line.strip()) for _, line in lines):
        return " "
    if len(kinds) == 1 and "" not in kinds:
        return kinds.pop()
    # A quoted field may run over several lines, in which a lone line says nothing.
    if '"' in text and "," in kinds:
        return ","
    usual = max(kinds - {""}, key=[kind for _, _, kind in found].count, default="")
    number, line, kind = next(one for one in found if one[2] != usual or not usual)
    if kind:
        raise DataError(
            f"{path} line {number} separates its columns with {kind!r}, other rows with {usual!r}; use one character: {line.strip()!r}."
        )
    raise DataError(f"{path} line {number}: expected '<id>,<class name> ...', found {line.strip()!r}.")


def tagged_rows(table: Sequence[tuple[int, list[str]]], path: Path) -> list[tuple[int, str, list[str]]]:
    """(line, id, fields with tags) of the rows below the header, if there is one."""
    line, first = table[0]
    words = [cell.lower().replace(" ", "_") for cell in first]
    image = next((words.index(word) for word in IMAGE_WORDS if word in words), None)
    tags = [place for place, word in enumerate(words) if word in TAG_WORDS and place != image]
    if image is None or (len(table) == 1 and not tags):
        return [(number, without_extension(cells[0]), fields_of(cells, number, path)) for number, cells in table]
    body = [(number, [*cells, *[""] * (len(first) - len(cells))]) for number, cells in table[1:]]
    if tags:
        # Tags that are not quoted run over into further columns.
        over = len(first) if max(tags) == len(first) - 1 else None
        return [
            (number, without_extension(cells[image]), [cells[place] for place in tags] + (cells[over:] if over else []))
            for number, cells in body
        ]
    columns = [place for place in range(len(first)) if place != image and first[place]]
    if body and columns and all(cells[place].lower() in TICKED for _, cells in body for place in columns):
        return [
            (
                number,
                without_extension(cells[image]),
                [first[place] for place in columns if TICKED[cells[place].lower()]],
            )
            for number, cells in body
        ]
    raise DataError(
        f"{path} line {line} ({', '.join(first)}) looks like a header, but no column is called tags, and the others do not hold "
        "0 and 1: name the column of the tags 'tags', or, if this is an image, write its name with its extension."
    )


def fields_of(cells: list[str], line: int, path: Path) -> list[str]:
    if len(cells) < 2:
        raise DataError(f"{path} line {line}: expected '<id>,<class name> ...', found {','.join(cells)!r}.")
    return cells[1:]


def is_image_name(word: str) -> bool:
    return word.lower().endswith(IMAGE_SUFFIXES)


def without_extension(name: str) -> str:
    """An id from the name of an image, with ``/`` between folders."""
    if is_image_name(name):
        name = name.rpartition(".")[0]
    return name.replace("\\", "/").removeprefix("./")
