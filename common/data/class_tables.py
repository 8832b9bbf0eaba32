"""Class files that are no list of lines: CSV with headings, YAML, JSON, XML and TensorFlow's label map.

=================================================  ===========================================================
a file                                             written by
=================================================  ===========================================================
``Pixel Value, Class`` above rows                  Roboflow (``_classes.csv`` of masks); the numbers are labels
``filename, cat, dog``                             Roboflow (``_classes.csv`` of tags): one column per class
``name,r,g,b`` or ``id,name`` above rows           tables of colours or numbers
``names: [cat, dog]`` or ``names: {0: cat}``       YOLO (``data.yaml``)
``{"categories": [{"id": 1, "name": "cat"}]}``     COCO; Label Studio (``notes.json``), which counts from 0
``{"classes": [{"title": "cat"}]}``                Supervisely (``meta.json``)
``{"cat": [1, 1, 1]}``                             Supervisely (``obj_class_to_machine_color.json``)
``["cat", "dog"]`` or ``[{"name": "cat"}]``         lists of names; CVAT's raw labels
``<Label value="cat"/>``                           Label Studio's labelling configuration
``item { id: 1 name: 'cat' }``                     TensorFlow (``label_map.pbtxt``)
=================================================  ===========================================================
"""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from common.data.class_forms import (
    NAME_HEADS,
    NUMBER_HEADS,
    PLAIN_LIST,
    Named,
    by_place,
    in_order,
    names_of_lines,
    refused,
    require_classes,
    without_reserved,
)
from common.data.textfile import read_dataset_text, read_lines

IMAGE_HEADS = ("filename", "file", "file_name", "image", "image_id", "image_name")
NAMES_KEY = re.compile(r"(?m)^names\s*:")
ITEM = re.compile(r"item\s*\{(?P<body>[^{}]*)\}")
LABEL_TAG = re.compile(r"<Label\b[^>]*?\bvalue\s*=\s*\"(?P<name>[^\"]*)\"")


def class_names_of_file(path: Path) -> tuple[str, ...]:
    """The class names of a file in any of the forms above or of :mod:`common.data.class_forms`, in label order.

    Raises:
        DataError: the file is missing or of no known form, or names the background as a class, or a class twice; the line
            is named.
    """
    text = read_dataset_text(path)
    suffix, start = path.suffix.lower(), text.lstrip()[:1]
    if suffix == ".json" or start in ("{", "["):
        names = names_of_json(text, path)
    elif suffix in (".yaml", ".yml") or NAMES_KEY.search(text):
        names = names_of_yaml(text, path)
    elif suffix == ".pbtxt" or ITEM.match(text.lstrip()):
        names = names_of_items(text, path)
    elif suffix == ".xml" or start == "<":
        names = [
            Named(line_at(text, found.start()), html.unescape(found["name"])) for found in LABEL_TAG.finditer(text)
        ]
        if not names:
            raise refused(path, 1, f'XML without <Label value="..."> is no known form of a class file; {PLAIN_LIST}')
    else:
        lines = read_lines(path)
        names = names_of_table(lines, path) or names_of_lines(lines, path)
    require_classes(names, path)
    return tuple(one.name for one in names)


def line_at(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def line_of(text: str, name: object) -> int:
    """The line on which a name stands first, whole; 1 where it is spelled otherwise."""
    found = re.search(rf"(?<!\w){re.escape(str(name))}(?!\w)", text)
    return line_at(text, found.start()) if found else 1


# --- CSV ---


def names_of_table(lines: Sequence[tuple[int, str]], path: Path) -> list[Named]:
    """The names of a table whose first line heads columns of names; none where the first line heads nothing."""
    delimiter = next((one for one in ",;\t" if lines and one in lines[0][1]), None)
    if delimiter is None:
        return []
    (number, titles), *body = [(number, cells_of(text, delimiter)) for number, text in lines]
    heads = [title.lower() for title in titles]
    if heads[0] in IMAGE_HEADS and not set(heads[1:]) & set(NAME_HEADS):
        return [Named(number, title) for title in titles[1:] if title]
    name_column = next((heads.index(head) for head in NAME_HEADS if head in heads), None)
    if name_column is None:
        return []
    of_numbers = [heads.index(head) for head in (*NUMBER_HEADS, "class", "label", "category") if head in heads]
    number_column = next((column for column in of_numbers if column != name_column), None)
    names = [row_of_table(line, cells, name_column, number_column, path) for line, cells in body]
    if number_column is None:
        return without_reserved(by_place(names), path)
    return in_order(names, path, pixel_values="value" in heads[number_column])


def cells_of(text: str, delimiter: str) -> list[str]:
    """The cells of one row; quotes may hold a delimiter."""
    try:
        return [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter, skipinitialspace=True))]
    except csv.Error:
        return text.split(delimiter)


def row_of_table(line: int, cells: Sequence[str], name_column: int, number_column: int | None, path: Path) -> Named:
    needed = max(name_column, number_column or 0)
    if len(cells) <= needed or not cells[name_column]:
        raise refused(path, line, f"{','.join(cells)!r} has no name in column {name_column + 1}; complete the table")
    if number_column is None:
        return Named(line, cells[name_column])
    if not re.fullmatch(r"-?\d+", cells[number_column]):
        raise refused(path, line, f"{cells[number_column]!r} is no number, as the heading says; {PLAIN_LIST}")
    return Named(line, cells[name_column], int(cells[number_column]))


# --- YAML and JSON ---


def names_of_yaml(text: str, path: Path) -> list[Named]:
    """``names`` of YOLO's ``data.yaml``, a list or numbers with names; or a bare list."""
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise refused(path, mark.line + 1 if mark else 1, f"is no YAML that can be read; {PLAIN_LIST}") from error
    names = content.get("names") if isinstance(content, dict) else content
    if isinstance(names, dict) and all(type(number) is int for number in names):
        return in_order([named(text, name, path, number) for number, name in names.items()], path)
    if isinstance(names, list):
        # YOLO numbers the names of a list from 0.
        return without_reserved(by_place([named(text, name, path) for name in names]), path)
    raise refused(
        path, line_of(text, "names"), f"YAML without a list 'names' is no known form of a class file; {PLAIN_LIST}"
    )


def names_of_json(text: str, path: Path) -> list[Named]:
    """Names of a list, of COCO's categories or of Supervisely's classes."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise refused(path, getattr(error, "lineno", 1), f"is no JSON that can be read; {PLAIN_LIST}") from error
    if isinstance(content, list) and all(isinstance(one, str) for one in content):
        return [named(text, name, path) for name in content]
    categories = content.get("categories") if isinstance(content, dict) else content
    if isinstance(categories, list) and categories and all(has_name(one) and "id" not in one for one in categories):
        return [named(text, one["name"], path) for one in categories]
    if isinstance(categories, list) and categories and all(has_name_and_id(one) for one in categories):
        above = {str(one.get("supercategory")) for one in categories}
        # Roboflow's COCO files have the name of the project as category 0, above all others; nothing is labelled so.
        used = [one for one in categories if one["id"] != 0 or one["name"] not in above]
        return in_order([named(text, one["name"], path, one["id"]) for one in used], path)
    classes = content.get("classes") if isinstance(content, dict) else None
    if isinstance(classes, list) and classes and all(isinstance(one, dict) and "title" in one for one in classes):
        return [named(text, one["title"], path) for one in classes]
    if isinstance(content, dict) and content and all(is_grey(colour) for colour in content.values()):
        greys = sorted((colour[0], name) for name, colour in content.items())
        return in_order([named(text, name, path, grey) for grey, name in greys], path, pixel_values=True)
    raise refused(path, 1, f"this JSON is no known form of a class file; {PLAIN_LIST}")


def has_name(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get("name"), str)


def has_name_and_id(one: Any) -> bool:
    return has_name(one) and type(one.get("id")) is int


def is_grey(colour: Any) -> bool:
    return isinstance(colour, list) and len(colour) == 3 and type(colour[0]) is int and len(set(map(str, colour))) == 1


def named(text: str, name: Any, path: Path, number: int | None = None) -> Named:
    """A name of a YAML or JSON file with its line."""
    if not isinstance(name, str) or not name.strip():
        raise refused(path, line_of(text, name), f"{name!r} is no class name; put it in quotes, or {PLAIN_LIST}")
    return Named(line_of(text, name), name.strip(), number)


# --- TensorFlow ---


def names_of_items(text: str, path: Path) -> list[Named]:
    """``item { id: 1 name: 'cat' }``; a display name is what people read."""
    names = []
    for item in ITEM.finditer(text):
        line, body = line_at(text, item.start()), item["body"]
        number = re.search(r"\bid\s*:\s*(-?\d+)", body)
        name = re.search(r"\bdisplay_name\s*:\s*(['\"])(.+?)\1", body) or re.search(
            r"\bname\s*:\s*(['\"])(.+?)\1", body
        )
        if number is None or name is None:
            raise refused(path, line, f"this item has no id or no name; {PLAIN_LIST}")
        names.append(Named(line, name[2].strip(), int(number[1])))
    if not names:
        raise refused(path, 1, f"a label map without items is no known form of a class file; {PLAIN_LIST}")
    return in_order(names, path)
