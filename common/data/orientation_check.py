"""What is said of files whose pixels are not stored upright, by ``common.data.check`` and where sizes do not agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from common.data.image_file import ON_ITS_SIDE, exif_orientation
from common.errors import DataError

KINDS_OF_FILES = ("images", "masks", "saliency maps")


def orientation_rule(upright: bool) -> str:
    """The rule of a dataset in words."""
    return "turned upright, as viewers show them" if upright else "read as stored, as published"


def orientation_notes(paths: Sequence[Path | None], upright: bool) -> Iterator[tuple[str, str]]:
    """(kind, text) for every file with an EXIF orientation other than 1.

    Args:
        paths: image, mask and saliency map of a sample; None is not looked at. Of unreadable files nothing is said.
        upright: the dataset's rule.
    """
    for kind, path in zip(KINDS_OF_FILES, paths, strict=True):
        number = orientation_of(path)
        if number != 1:
            yield f"{kind} with an EXIF orientation, {orientation_rule(upright)}", f"{path} (EXIF orientation {number})"


def lies_sideways(shape: Sequence[int], image_shape: Sequence[int], paths: Sequence[Path | None]) -> bool:
    """Whether a map of another size than its image fits it on its side, and an orientation of ``paths`` (both) explains it.

    Args:
        shape, image_shape: (height, width, ...) as read.
    """
    swapped = tuple(shape[:2]) == (image_shape[1], image_shape[0])
    return swapped and any(orientation_of(path) in ON_ITS_SIDE for path in paths)


def orientation_remark(path: Path, upright: bool) -> str:
    """What a message about sizes should say of an image whose pixels are not stored upright; empty of others."""
    number = exif_orientation(path)
    if number == 1:
        return ""
    rule = "is applied, so maps are drawn on the upright image" if upright else "is not applied in this kind of dataset"
    return f". The EXIF orientation of {path.name} is {number}; it {rule}"


def orientation_of(path: Path | None) -> int:
    """EXIF's orientation of a file, 1 where it cannot be read: that is said elsewhere."""
    try:
        return exif_orientation(path) if path else 1
    except DataError:
        return 1
