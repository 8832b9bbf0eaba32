"""Semi-supervised mode: which images may use their true masks."""

from __future__ import annotations

from pathlib import Path

from common.data.layout import DatasetLayout
from common.data.lists import read_list
from common.errors import DataError
from sgan.settings_sections import Semi


def masked_ids(semi: Semi, layout: DatasetLayout) -> frozenset[str]:
    """The ids whose masks are used; empty in weakly supervised mode.

    A share takes evenly spaced images of the sorted ids, so that a larger share (1/4) holds a smaller one (1/8).

    Raises:
        DataError: the list is not there, or names images that are not in the training list.
    """
    if not semi.list and not semi.share:
        return frozenset()
    training = sorted(layout.ids("train"))
    ids = sorted(listed(semi.list, layout)) if semi.list else training
    foreign = [image_id for image_id in ids if image_id not in set(training)]
    if foreign:
        raise DataError(f"semi.list names {len(foreign)} images that are not trained on, e.g. {foreign[0]}; correct it")
    return frozenset(ids[:: round(1 / semi.share)] if semi.share else ids)


def listed(name: str, layout: DatasetLayout) -> list[str]:
    """The ids of a list file, or of a list of the dataset."""
    path = Path(name)
    return [entry.id for entry in read_list(path)] if path.is_file() else layout.ids(name)
