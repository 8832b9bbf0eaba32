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
end in a space and a number (``my cat 1``) read as ids + classes; list those as file names (``my cat 1.jpg``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from common.data.images import IMAGE_SUFFIXES
from common.data.textfile import read_lines
from common.errors import DataError

SUFFIX_PATTERN = "(?:" + "|".join(re.escape(suffix) for suffix in IMAGE_SUFFIXES) + ")"
PATH_LINE = re.compile(rf"(?P<image>\S.*?{SUFFIX_PATTERN})(?:\s+(?P<label>\S.*{SUFFIX_PATTERN}))?", re.IGNORECASE)
CLASS_LINE = re.compile(r"(?P<id>\S.*?)(?P<classes>(?:\s+(?:0|[1-9][0-9]*))+)")


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
        DataError: the file is missing or empty, an id occurs twice, or lines have different styles.
    """
    lines = read_lines(path)
    if not lines:
        raise DataError(f"list {path} is empty; it needs one image per line.")
    style = list_style(lines, path)
    parse = {"path": parse_path_line, "classes": parse_class_line, "id": parse_id_line}[style]
    entries = [parse(line) for _, line in lines]
    check_unique([number for number, _ in lines], entries, style, path)
    return entries


def line_style(line: str) -> str:
    """``path``, ``classes`` or ``id``: what a line looks like on its own."""
    if PATH_LINE.fullmatch(line):
        return "path"
    return "classes" if CLASS_LINE.fullmatch(line) else "id"


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
        f"list {path} mixes styles: line {lines[0][0]} ({lines[0][1]!r}) reads as {meaning[styles[0]]}, line "
        f"{lines[position][0]} ({lines[position][1]!r}) as {meaning[styles[position]]}. Use one style for the whole file."
    )


def parse_path_line(line: str) -> ListEntry:
    """The entry of a line of paths; a lone file name without a folder gives only an id."""
    match = PATH_LINE.fullmatch(line)
    assert match is not None
    image, label = match["image"], match["label"]
    name = PurePosixPath(image.replace("\\", "/")).stem
    if label is None and not re.search(r"[/\\]", image):
        return ListEntry(id=name)
    return ListEntry(id=name, image=image, label=label)


def parse_class_line(line: str) -> ListEntry:
    match = CLASS_LINE.fullmatch(line)
    assert match is not None
    return ListEntry(id=match["id"], classes=tuple(int(number) for number in match["classes"].split()))


def parse_id_line(line: str) -> ListEntry:
    return ListEntry(id=line)


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


def folder_ids(folder: Path) -> list[str]:
    """The ids of all images under ``folder``, sorted: file paths without the folder and the extension."""
    if not folder.is_dir():
        raise DataError(f"image folder {folder} does not exist; put the images there or set images.")
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    by_id: dict[str, Path] = {}
    for name in sorted(name for name in names if not name.name.startswith(".")):
        image_id = name.with_suffix("").as_posix()
        if image_id in by_id:
            raise DataError(f"{folder} holds {by_id[image_id]} and {name}, two images of one id; rename one of them.")
        by_id[image_id] = name
    if not by_id:
        raise DataError(f"image folder {folder} holds no images ({', '.join(IMAGE_SUFFIXES)}).")
    return sorted(by_id)
