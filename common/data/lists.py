"""Image lists: the three styles of the field behind one reader.

=============  ==============================================================  =======================
style          a line                                                          found in
=============  ==============================================================  =======================
ids            ``2007_000032``                                                 VOC, IRN, EPS, SMAF
paths          ``/JPEGImages/2007_000032.jpg /SegmentationClassAug/....png``   deeplab-pytorch, I2CRC
               (or the image path alone, as VOC's test list of EPS)
ids + classes  ``2007_000063 8 11`` (0-based class numbers)                    L2G, OAA, DRS, I2CRC
=============  ==============================================================  =======================

The style is decided for the file as a whole:

* every line starts with a file name that has an image extension: paths. The id is the file name of the image without
  its folder and without its last extension (deeplab-pytorch cuts at the first dot, which is the same for VOC and
  COCO names and wrong for names like ``a.b.jpg``). A lone file name without a folder (``my cat 1.jpg``) gives only
  an id; the dataset's image folder says where it lies.
* every line ends in whole numbers after an id: ids + classes.
* otherwise: ids. They are opaque and may contain dots, spaces and folders (``train2014/COCO_x``).

Lines of different styles in one file are an error, as is a repeated id. One case is ambiguous by nature: ids that all
end in a space and a number (``my cat 1``) read as ids + classes; list those as file names (``my cat 1.jpg``), or in double
quotes, between which everything is an id (``"cats/my cat 1"``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from common.data.images import IMAGE_SUFFIXES
from common.data.textfile import read_lines
from common.errors import DataError
from common.paths import quoted_start, require_id

QUOTED_ID = re.compile(r'"(?P<id>.+)"')
# The end of the first of two paths in a line.
END_OF_IMAGE = re.compile("(?:" + "|".join(re.escape(suffix) for suffix in IMAGE_SUFFIXES) + r")(?=\s)", re.IGNORECASE)
CLASS_NUMBER = re.compile("0|[1-9][0-9]{0,17}")


@dataclass(frozen=True)
class ListEntry:
    """One line of a list.

    Args:
        id: the image's id, an opaque string.
        image: the image path as written in a path list (relative to the dataset's root), else None.
        label: the label map path as written in a path list, else None.
        classes: the 0-based class numbers of an ``id + classes`` list, else None.
    """

    id: str
    image: str | None = None
    label: str | None = None
    classes: tuple[int, ...] | None = None


def read_list(path: Path) -> list[ListEntry]:
    """Read an image list of any of the three styles, in file order.

    Raises:
        DataError: the file is missing or empty, an id occurs twice or cannot name a file (see
            :func:`common.paths.fault_of_id`), or lines have different styles.
    """
    lines = read_lines(path)
    if not lines:
        raise DataError(f"list {path} is empty; it needs one image per line.")
    style = list_style(lines, path)
    parse = {"path": parse_path_line, "classes": parse_class_line, "id": parse_id_line}[style]
    entries = [parse(line) for _, line in lines]
    for (number, _), entry in zip(lines, entries, strict=True):
        require_id(entry.id, f"list {path} line {number}")
    check_unique([number for number, _ in lines], entries, style, path)
    return entries


def line_style(line: str) -> str:
    """``path``, ``classes`` or ``id``: what a line looks like on its own; in time that grows as its length."""
    if QUOTED_ID.fullmatch(line):
        return "id"
    if split_paths(line):
        return "path"
    return "classes" if split_classes(line)[1] else "id"


def split_paths(line: str) -> tuple[str, str | None] | None:
    """Image path and label path (or None) of a line of paths; None for another line."""
    if not ends_in_file(line):
        return None
    # A file name has at least one character before its suffix.
    end = END_OF_IMAGE.search(line, 1)
    label = line[end.end() :].lstrip() if end else ""
    return (line[: end.end()], label) if end and ends_in_file(label) else (line, None)


def ends_in_file(text: str) -> bool:
    """Whether ``text`` ends in the name of an image file."""
    return text[1:].lower().endswith(IMAGE_SUFFIXES)


def split_classes(line: str) -> tuple[str, list[str]]:
    """The id and the class numbers at the end of a line; no numbers where it has none."""
    words = line.split()
    count = 0
    while count < len(words) - 1 and CLASS_NUMBER.fullmatch(words[-1 - count]):
        count += 1
    return (line.rsplit(None, count)[0], words[len(words) - count :]) if count else (line, [])


def list_style(lines: list[tuple[int, str]], path: Path) -> str:
    """The one style of all ``lines``, or a :class:`DataError` naming the first line that differs."""
    styles = [line_style(line) for _, line in lines]
    if len(set(styles)) == 1:
        return styles[0]
    # Ids with spaces may end in a number here and there ("my dog 2" next to "my cat"). They are taken for ids only if
    # lines that cannot be anything else are at least as frequent; otherwise one broken line would turn a class list
    # into nonsense ids.
    spaced_ids = sum(style == "id" and len(line.split()) > 1 for style, (_, line) in zip(styles, lines, strict=True))
    if "path" not in styles and spaced_ids >= styles.count("classes"):
        return "id"
    position = next(index for index, style in enumerate(styles) if style != styles[0])
    meaning = {"path": "file paths", "classes": "an id with class numbers", "id": "an id alone"}
    raise DataError(
        f"list {path} mixes styles: line {lines[0][0]} ({quoted_start(lines[0][1])}) reads as {meaning[styles[0]]}, line "
        f"{lines[position][0]} ({quoted_start(lines[position][1])}) as {meaning[styles[position]]}. Use one style for the whole file."
    )


def parse_path_line(line: str) -> ListEntry:
    """The entry of a line of paths; a lone file name without a folder gives only an id."""
    paths = split_paths(line)
    assert paths is not None
    image, label = paths
    name = PurePosixPath(image.replace("\\", "/")).stem
    if label is None and not re.search(r"[/\\]", image):
        return ListEntry(id=name)
    return ListEntry(id=name, image=image, label=label)


def parse_class_line(line: str) -> ListEntry:
    image_id, numbers = split_classes(line)
    return ListEntry(id=image_id, classes=tuple(map(int, numbers)))


def parse_id_line(line: str) -> ListEntry:
    quoted = QUOTED_ID.fullmatch(line)
    return ListEntry(id=quoted["id"] if quoted else line)


def check_unique(line_numbers: list[int], entries: list[ListEntry], style: str, path: Path) -> None:
    """Raise :class:`DataError` if two entries share an id."""
    first_line: dict[str, int] = {}
    for number, entry in zip(line_numbers, entries, strict=True):
        if entry.id in first_line:
            hint = " If the number belongs to the file name, list names with extension ('x 1.jpg')."
            raise DataError(
                f"list {path} line {number} repeats id {entry.id!r} of line {first_line[entry.id]}; "
                f"every image may occur once.{hint if style == 'classes' else ''}"
            )
        first_line[entry.id] = number
