"""The bank of cut-out objects, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.data.restricted_pickle import load_npy
from common.errors import DataError
from common.files import read_json, resolve_inside
from l2g_cda.cda.objects import Foreground, read_foreground

INDEX = "seg_fg_dirs.json"
PUBLISHED_INDEX = "seg_fg_dirs.npy"
# Threads: reading a file does not hold Python's lock.
READERS = 8


class ForegroundBank:
    """All objects of a bank in memory, by class.

    Workers that are forked share this memory. An object takes 5 bytes per pixel: about 2 GB for the 4,374 objects that
    CDA cut from PASCAL VOC.

    Args:
        objects: class number (0-based) -> objects.

    Raises:
        DataError: there is no object at all.
    """

    def __init__(self, objects: Mapping[int, Sequence[Foreground]]) -> None:
        self.objects = {number: list(found) for number, found in objects.items() if found}
        if not self.objects:
            raise DataError("the bank of objects is empty; make it from labels with objects to cut out (make_bank.py)")

    def absent_classes(self, tags: npt.NDArray[np.floating]) -> list[int]:
        """The classes that an image with these tags [C] lacks and the bank holds, ascending."""
        return [number for number in np.flatnonzero(tags == 0).tolist() if number in self.objects]


def read_bank(folder: Path, n_classes: int, *, with_saliency: bool = True) -> ForegroundBank:
    """Read a bank made by ``make_bank.py``, or a published one (``seg_fg_dirs.npy`` and pickled objects).

    Args:
        n_classes: classes of the dataset, without the background.
        with_saliency: every object must have a saliency map.

    Raises:
        DataError: there is no bank, it is of another dataset, or an object is broken or lacks its saliency.
    """
    index = read_index(folder)
    foreign = sorted(number for number, names in index.items() if names and not 0 <= number < n_classes)
    if foreign:
        raise DataError(
            f"{folder} has objects of class {foreign[0]}, but the dataset has classes 0..{n_classes - 1}; "
            "make a bank for this dataset"
        )
    paths = {number: [resolve_inside(folder / str(number), name) for name in names] for number, names in index.items()}
    with ThreadPoolExecutor(READERS) as pool:
        read = partial(read_checked, with_saliency=with_saliency)
        return ForegroundBank(
            {number: list(pool.map(read, found, [number] * len(found))) for number, found in paths.items()}
        )


def read_checked(path: Path, number: int, with_saliency: bool) -> Foreground:
    """An object that is filed under class ``number``, which it must show and nothing else."""
    foreground = read_foreground(path)
    if with_saliency and foreground.saliency is None:
        raise DataError(f"{path} has no saliency; make the bank with saliency or set cda.mask to labels")
    shown = foreground.seg[foreground.seg != 0]
    if (shown != number + 1).any():
        raise DataError(f"{path} is filed under class {number} but shows label {shown.max()}; make the bank again")
    return foreground


def read_index(folder: Path) -> dict[int, list[str]]:
    """Class number -> file names.

    Raises:
        DataError: there is no index, or it is no such dictionary.
    """
    path = next((folder / name for name in (INDEX, PUBLISHED_INDEX) if (folder / name).is_file()), None)
    if path is None:
        raise DataError(
            f"no finished bank in {folder} (neither {INDEX} nor {PUBLISHED_INDEX}); make it with make_bank.py"
        )
    content = read_json(path) if path.name == INDEX else load_npy(path)
    try:
        return {int(number): [str(name) for name in names] for number, names in as_items(content)}
    except (TypeError, ValueError) as error:
        raise DataError(f"{path} is no index of a bank (class number -> file names); make the bank again") from error


def as_items(content: Any) -> list[tuple[Any, Any]]:
    if not isinstance(content, dict) or any(isinstance(names, str) for names in content.values()):
        raise TypeError
    return list(content.items())
