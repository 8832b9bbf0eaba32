"""From what a data file names to a path, never outside its root: image ids, and the paths of lists."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

from common.errors import DataError

# Bytes that the usual file systems allow for one name, and for a path below a folder (of 4096 in all).
LONGEST_NAME, LONGEST_PATH = 255, 2048
# Most ids and paths, which need no closer look.
PLAIN_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_. -]{0,150}(?:/[A-Za-z0-9_-][A-Za-z0-9_. -]{0,150}){0,3}")


def resolve_inside(root: Path, relative: str) -> Path:
    """``root / relative`` for a path that came from a data file; a leading slash is dropped (VOC list style).

    The path is judged by its spelling, with every ``..`` resolved: symbolic links inside ``root`` may lead anywhere, as
    whoever made them has decided (images on another disk). For ids there is :func:`path_of_id`, which is stricter.

    Raises:
        DataError: the result lies outside ``root`` or is ``root`` itself, or no file system takes the name.
    """
    fault = fault_of_path(relative)
    if fault:
        raise DataError(
            f"path {quoted_start(relative)} {fault} ({root}); refused. Correct the list or data file it came from."
        )
    return Path(root, normal_path(relative))


def normal_path(relative: str) -> Path:
    """A path of a data file without its leading slash and with every ``..`` resolved that can be."""
    return Path(os.path.normpath(relative.lstrip("/\\")))


def fault_of_path(relative: str) -> str:
    """Why a path of a data file cannot lie below a root, empty where it can; the same on every system."""
    if PLAIN_ID.fullmatch(relative.lstrip("/")):
        return ""
    normal = normal_path(relative)
    # What another system would take for folders counts too.
    windows = PureWindowsPath(os.path.normpath(relative.replace("\\", "/").lstrip("/")))
    if windows.drive or os.pardir in windows.parts or os.pardir in normal.parts:
        return "leaves its root"
    return "names no file below its root" if normal == Path() else fault_of_names(normal.parts)


def fault_of_id(image_id: str) -> str:
    """Why an image id cannot name a file below a folder, empty where it can; the same on every system.

    An id may have folders (``train2014/COCO_x``), dots and spaces. Refused is whatever leads elsewhere: a path from the root of
    the system or of a drive, a folder ``..``, no name at all.
    """
    if PLAIN_ID.fullmatch(image_id):
        return ""
    windows = PureWindowsPath(image_id)
    if windows.anchor or image_id.startswith(("/", "\\")):
        return "is an absolute path and so leaves its root"
    parts = image_id.replace("\\", "/").split("/")
    if os.pardir in parts:
        return "has the folder '..' and so leaves its root"
    if parts[-1] in ("", os.curdir):
        return "has no name at its end"
    return fault_of_names(parts)


def fault_of_names(parts: Sequence[str]) -> str:
    """Why the names of a path cannot be those of files, empty where they can."""
    text = "/".join(parts)
    if "\0" in text:
        return "has a NUL character"
    try:
        longest, whole = max(len(part.encode()) for part in parts), len(text.encode())
    except UnicodeEncodeError:
        return "has characters that no text has (half of a surrogate pair)"
    too_long = longest > LONGEST_NAME or whole > LONGEST_PATH
    return f"is {whole} bytes long; file systems take {LONGEST_NAME} per name" if too_long else ""


def require_id(image_id: str, source: object) -> None:
    """Raise :class:`DataError` where an id, found in the file ``source``, cannot name a file (see :func:`fault_of_id`)."""
    fault = fault_of_id(image_id)
    if fault:
        raise DataError(f"{source}: the id {quoted_start(image_id)} {fault}; refused. Correct it there.")


def path_of_id(folder: Path, image_id: str, suffix: str = "") -> Path:
    """``folder/<id><suffix>``: the one way from an image id to a file.

    Raises:
        DataError: the id leads out of ``folder`` or cannot name a file.
    """
    fault = fault_of_id(image_id) or fault_of_names(f"{image_id}{suffix}".split("/"))
    if fault:
        raise DataError(f"image id {quoted_start(image_id)} {fault}; refused. Correct the list or tags it came from.")
    return Path(folder, f"{image_id}{suffix}")


def quoted_start(text: str, length: int = 80) -> str:
    """``text`` as a message shows it: quoted, without what would break a line, at most ``length`` characters of it."""
    return repr(text if len(text) <= length else f"{text[:length]}...")
