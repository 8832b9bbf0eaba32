"""Photographs that cannot be read, all of them at once and before anything is trained.

A training stops at the first of them, perhaps after an hour, and at the next one when it is started again.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from common.data.image_names import SUFFIX_VARIANTS, find_file
from common.data.images import read_image
from common.errors import DataError
from common.files import read_json, write_json
from common.own.photographs import Photographs

# In the output folder: path -> [size, time of change] of those that were read, so that the next call does not read them again.
READ_FILE = "photographs_read.json"
NAMED, THREADS = 3, 4


def unreadable(photographs: Photographs, out: Path, remember: bool) -> dict[str, str]:
    """Id -> why the photograph cannot be decoded, of those with tags.

    Args:
        out: the output folder.
        remember: whether those that could be read are written there.
    """
    known = remembered(out / READ_FILE)
    states: dict[str, list[int]] = {}
    broken: dict[str, str] = {}

    def look(image_id: str) -> tuple[str, list[int] | None, str]:
        try:
            path = find_file(photographs.images, image_id, SUFFIX_VARIANTS, "photograph")
            status = path.stat()
            state = [status.st_size, status.st_mtime_ns]
            if known.get(image_id) != state:
                read_image(path, upright=True)
        except DataError as error:
            return image_id, None, str(error)
        return image_id, state, ""

    pool = ThreadPoolExecutor(THREADS)
    try:
        found = pool.map(look, photographs.tags)
        for image_id, state, why in tqdm(
            found, "reading", len(photographs.tags), unit="image", leave=False, disable=None
        ):
            if state is None:
                broken[image_id] = why
            else:
                states[image_id] = state
    finally:
        # Ctrl-C does not wait for those that were not begun.
        pool.shutdown(cancel_futures=True)
    if remember and states != known:
        write_json(out / READ_FILE, states)
    return broken


def remembered(path: Path) -> Mapping[str, object]:
    """What an earlier call wrote; nothing where it cannot be read, as it only saves time."""
    try:
        content = read_json(path) if path.is_file() else {}
    except DataError:
        return {}
    return content if isinstance(content, dict) else {}


def said_about_unreadable(broken: Mapping[str, str], n_images: int) -> str:
    """In words: how many, the first of them with the reason, and what to do."""
    reasons = " ".join(list(broken.values())[:NAMED]) + (" ..." if len(broken) > NAMED else "")
    return f"{len(broken)} of {n_images} photographs with tags cannot be read; mend them or take them out of the folder: {reasons}"


def require_readable(broken: Mapping[str, str], n_images: int) -> None:
    """Raise :class:`DataError` where some cannot be read."""
    if broken:
        raise DataError(said_about_unreadable(broken, n_images))
