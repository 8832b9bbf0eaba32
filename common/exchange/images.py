"""Which image the name in an annotation file means, and how large that image is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.data.image_names import SUFFIX_VARIANTS, find_file, folder_ids
from common.data.images import image_size
from common.data.name_index import NameIndex
from common.data.orientation_check import orientation_remark
from common.errors import DataError


class ImagesByName:
    """The images of a folder, upright.

    Args:
        folder: it and the folders in it; an id is the path inside it without the ending.

    Attributes:
        unknown: names that were asked for and are none of them, in order.

    Raises:
        DataError: the folder holds no images.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ids: Sequence[str] = folder_ids(folder)
        self.unknown: list[str] = []
        self.index = NameIndex(self.ids)
        self.known = self.index.known

    def find(self, name: str, where: object) -> str | None:
        """The id that a name (an id, or one of another folder) means; None, and a note in ``unknown``, for no image.

        Raises:
            DataError: it could be several.
        """
        image_id = self.index.find(name, where)
        if image_id is None:
            self.unknown.append(name)
        return image_id

    def file(self, image_id: str) -> Path:
        return find_file(self.folder, image_id, SUFFIX_VARIANTS, "image")

    def size(self, image_id: str) -> tuple[int, int]:
        """(height, width) of the upright image."""
        return image_size(self.file(image_id), upright=True)

    def require_size(self, image_id: str, size: Sequence[object], where: object, what: str = "mask") -> None:
        """Raise :class:`DataError` unless ``size``, (height, width), is that of the image."""
        height, width = self.size(image_id)
        if tuple(size) != (height, width):
            raise DataError(
                f"{where}: the {what} of {image_id!r} is {'x'.join(map(str, size))} but the image is {height}x{width} (height x "
                f"width); export it at the image's size{orientation_remark(self.file(image_id), upright=True)}"
            )
