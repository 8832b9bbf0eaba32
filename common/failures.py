"""Images that a stage failed with: recorded beside its outputs, so that every later stage leaves them out by name.

Beside ``stage.json`` lies ``failed.json``, id -> why, as long as there is an image that failed or was left out. A later stage that finds
no file of such an image leaves it out and records it in its own folder. A file that is missing without a record is an error as ever.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path

from common.errors import DataError, InputFailed, InputMissing

STAGE_FILE = "stage.json"
FAILED_FILE = "failed.json"
NAMES_SHOWN = 5
# An id may have folders in it: so far above a file the folder of its stage may be.
DEEPEST_ID = 5


def read_failures(folder: Path) -> dict[str, str]:
    """The images that the stage of a folder failed with: id -> why; empty where there is none.

    Raises:
        DataError: the record is damaged.
    """
    file = folder / FAILED_FILE
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"cannot read {file}: {error}; delete it and run the stage that writes {folder} again"
        ) from error
    if not isinstance(content, dict) or not all(isinstance(why, str) for why in content.values()):
        raise DataError(f"{file} does not hold ids and reasons; delete it and run the stage that writes {folder} again")
    return content


def missing_file(path: Path, message: str) -> DataError:
    """The error for a file of an image that is not there.

    Args:
        path: the file, ``<folder of its stage>/<id><suffix>`` where a stage makes it.
        message: what to say where no stage has recorded that it failed with the image.

    Returns:
        :class:`InputFailed` where the stage that should have made the file failed with its image, :class:`InputMissing` where the
        stage has not made it yet, a plain :class:`DataError` for files that no stage makes.
    """
    for folder in list(path.parents)[:DEEPEST_ID]:
        if (folder / STAGE_FILE).is_file() or (folder / FAILED_FILE).is_file():
            why = read_failures(folder).get(path.relative_to(folder).with_suffix("").as_posix())
            return InputMissing(message) if why is None else InputFailed(why)
    return DataError(message)


def existing_file(path: Path, what: str, image_id: str) -> Path:
    """``path``, or a :class:`DataError` that says which file of ``image_id`` was expected there."""
    if not path.is_file():
        raise missing_file(
            path, f"{what} of {image_id!r} not found: expected {path}. Add it, or take the id out of the list."
        )
    return path


def some_names(names: Collection[str]) -> str:
    """The first few names in words."""
    more = len(names) - NAMES_SHOWN
    return ", ".join(list(names)[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def left_out_line(left_out: Mapping[str, str] | Collection[str]) -> str:
    """One line that names images that a stage before failed with; empty where there are none."""
    if not left_out:
        return ""
    images = "1 image" if len(left_out) == 1 else f"{len(left_out)} images"
    why = next(iter(left_out.values())) if isinstance(left_out, Mapping) else ""
    return f"{images} left out, failed in a stage before: {some_names(left_out)}" + (f" ({why})" if why else "")
