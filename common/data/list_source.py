"""Which published list a split of a dataset is, or is a part of."""

from __future__ import annotations

import contextlib
from pathlib import Path

from common.data.classes import COCO_CLASSES, VOC_CLASSES
from common.data.layout import DatasetLayout
from common.data.lists import read_list
from common.data.published_lists import describe_list
from common.errors import DataError

# A list of COCO's 82,783 training images with tags and paths is smaller; what is larger is no list.
MOST_BYTES = 1 << 25


def describe_split(layout: DatasetLayout, split: str) -> str:
    """The list of a split in words: ``VOC trainaug, the usual 10,582``; "" where nothing is known of it.

    Only VOC and COCO have published lists. A list that is none of them is held against the others that lie in its folder.

    Raises:
        DataError: the list is not readable.
    """
    if tuple(layout.classes) not in (VOC_CLASSES, COCO_CLASSES):
        return ""
    ids = layout.ids(split)
    return describe_list(ids, {}) or describe_list(ids, lists_beside(layout.lists.get(split)))


def lists_beside(path: Path | None) -> dict[str, list[str]]:
    """File name -> ids of the other lists in the folder of a list; what does not read as one is no list."""
    found = {}
    for other in sorted(path.parent.glob("*.txt")) if path is not None else ():
        if other != path and other.is_file() and other.stat().st_size <= MOST_BYTES:
            with contextlib.suppress(DataError):
                found[other.name] = [entry.id for entry in read_list(other)]
    return found
