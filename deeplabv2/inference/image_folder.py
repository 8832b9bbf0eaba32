"""The images of any folder, without lists or a dataset's layout."""

from __future__ import annotations

from pathlib import Path

from common.data.images import IMAGE_SUFFIXES
from common.errors import ConfigError, DataError


def find_images(folder: Path, results: Path) -> dict[str, Path]:
    """Id -> file of every image in ``folder`` and the folders below it, sorted; an id is the path inside ``folder``
    without its ending. Hidden files and folders are left out, linked folders are not entered.

    Args:
        results: where results go; if that is below ``folder``, nothing in it is taken for an image.

    Raises:
        ConfigError: both are the same folder.
        DataError: the folder does not exist or holds no image, or two images have one id.
    """
    if not folder.is_dir():
        raise DataError(f"image folder {folder} does not exist; correct --images")
    if folder.resolve() == results.resolve():
        raise ConfigError(
            f"--out {results} is the folder of the images; give another one, e.g. {results / 'predicted'}"
        )
    written = results.resolve()
    paths: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.is_dir() or hidden or written in path.absolute().parents:
            continue
        image_id = inside.with_suffix("").as_posix()
        if image_id in paths:
            raise DataError(f"{paths[image_id]} and {path} would have the same mask; rename one of them")
        paths[image_id] = path
    if not paths:
        raise DataError(f"image folder {folder} holds no images ({', '.join(IMAGE_SUFFIXES)})")
    return paths
