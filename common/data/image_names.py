"""From an image id to its file, and from a folder of images to their ids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.data.images import IMAGE_SUFFIXES
from common.errors import DataError
from common.failures import existing_file
from common.paths import path_of_id

# Cameras and Windows write .JPG; file names are case-sensitive on most systems that train.
SUFFIX_VARIANTS = tuple(variant for suffix in IMAGE_SUFFIXES for variant in (suffix, suffix.upper(), suffix.title()))
MAP_SUFFIXES = (".png", ".PNG")
SALIENCY_SUFFIXES = (".png", ".PNG", ".jpg", ".jpeg", ".JPG", ".bmp", ".tif", ".tiff")


# Pictures of cameras and programs that are not read.
OTHER_PICTURES = (".heic", ".heif", ".avif", ".gif", ".jxl", ".jp2", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".psd", ".svg")  # fmt: skip


def find_file(folder: Path, image_id: str, suffixes: Sequence[str], what: str) -> Path:
    """``folder/<id><suffix>`` with the first suffix that exists."""
    path_of_id(folder, image_id, max(suffixes, key=len))
    paths = (Path(folder, f"{image_id}{suffix}") for suffix in suffixes)
    found = next((path for path in paths if path.is_file()), None)
    return found or existing_file(Path(folder, f"{image_id}{suffixes[0]}"), what, image_id)


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
        others = other_pictures(folder)
        instead = (
            f", but {len(others)} pictures that are not read (e.g. {others[0]}); save them as JPEG" if others else ""
        )
        raise DataError(f"image folder {folder} holds no images ({', '.join(IMAGE_SUFFIXES)}){instead}.")
    return sorted(by_id)


def other_pictures(folder: Path) -> list[str]:
    """Pictures under ``folder`` of forms that are not read, sorted: file paths without the folder."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in OTHER_PICTURES)
    return sorted(path.as_posix() for path in found if not path.name.startswith("."))
