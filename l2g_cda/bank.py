"""The bank of cut-out objects: made from label maps, and read by the training (l2g_cda spec, section 4.7)."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from common.bounds import bounded_share
from common.config import config_to_dict
from common.data.colours import Uint8
from common.data.images import read_image, read_label_map
from common.data.layout import DatasetLayout
from common.data.palette import IGNORE_LABEL
from common.data.restricted_pickle import load_npy
from common.data.saliency_levels import UNIT, stated_storage
from common.errors import DataError, InputFailed, require
from common.failures import left_out_line
from common.files import read_json, write_json
from common.method.maps import record_of
from common.paths import path_of_id, resolve_inside
from common.pseudo_labels.labels import LabelMap
from l2g_cda.objects import SALIENT, Foreground, Selection, cut_object, read_foreground, select_object

INDEX, PUBLISHED_INDEX = "seg_fg_dirs.json", "seg_fg_dirs.npy"
SUFFIX = ".npz"
# In the place of the class of an image that cannot be read; cutting its object then says why.
UNREADABLE = "unreadable/"


@dataclass
class BankConfig:
    """What a bank of objects is made from, and which images may give an object.

    Args:
        label_maps: folder of label maps ``<id>.png``, e.g. pseudo labels; empty where the bank is not made here.
        object_saliency: is cut from the dataset's maps, or is 255 on the object's label.
        least_share, largest_share: how much of the image the object may cover.
        least_salient: share of the object with saliency > 200 that it needs, as only that part is ever pasted; the
            published rule asks for nothing.
    """

    label_maps: str = ""
    object_saliency: Literal["maps", "labels"] = "maps"
    least_share: float = bounded_share(0.1)
    largest_share: float = bounded_share(0.7)
    least_salient: float = bounded_share(0.0)

    def __post_init__(self) -> None:
        least, largest = self.least_share, self.largest_share
        require(0 <= least <= largest <= 1, f"an object must cover between {least} and {largest}; give shares in 0..1")


class ObjectReader:
    """``"<class number>/<id>" -> object`` of the images that have one (picklable)."""

    def __init__(self, layout: DatasetLayout, config: BankConfig) -> None:
        self.layout, self.config = layout, config
        if config.object_saliency == "maps":
            # Found out once, and not by every thread and worker.
            _ = layout.saliency_top

    def __call__(self, name: str) -> Foreground:
        image_id = name.partition("/")[2]
        label_map = self.label_map(image_id)
        selection = select_object(label_map, self.config.least_share, self.config.largest_share)
        if selection is None:
            raise DataError(f"{image_id}: its labels changed while the bank was made; run the command again")
        image = read_image(self.layout.image_path(image_id), self.layout.upright)
        return cut_object(selection, image, label_map, self.saliency(image_id, label_map))

    def select(self, image_id: str) -> Selection | None:
        """The object of an image, if it is fit for the bank."""
        label_map = self.label_map(image_id)
        selection = select_object(label_map, self.config.least_share, self.config.largest_share)
        if selection is None or self.config.least_salient == 0:
            return selection
        salient = self.saliency(image_id, label_map)[label_map == selection.number + 1] > SALIENT
        return selection if salient.mean() >= self.config.least_salient else None

    def label_map(self, image_id: str) -> LabelMap:
        """uint8 H x W: 0 background, class number + 1, 255 ignored."""
        label_map = read_label_map(path_of_id(Path(self.config.label_maps), image_id, ".png"))
        wrong = label_map[(label_map > self.layout.n_classes) & (label_map != IGNORE_LABEL)]
        if wrong.size:
            raise DataError(
                f"the label map of {image_id} has label {wrong[0]}; the dataset has {self.layout.n_classes}"
            )
        return label_map

    def saliency(self, image_id: str, label_map: LabelMap) -> Uint8:
        """uint8 H x W, for a label map uint8 H x W that shows one class."""
        if self.config.object_saliency == "maps":
            return self.layout.read_saliency(image_id)
        return np.where((label_map != 0) & (label_map != IGNORE_LABEL), np.uint8(255), np.uint8(0))


def names_of_objects(layout: DatasetLayout, config: BankConfig, ids: Sequence[str]) -> list[str]:
    """``<class number>/<id>`` of the images that give an object, and of those that cannot be read, which then fail by name."""
    reader, folder = ObjectReader(layout, config), config.label_maps
    require(bool(folder), "say what to cut objects from: bank.label_maps, in make_bank.py --labels FOLDER")
    if not Path(folder).is_dir():
        raise DataError(f"folder {folder} does not exist; make the label maps first")

    left_out: dict[str, str] = {}

    def name_of(image_id: str) -> str | None:
        try:
            selection = reader.select(image_id)
        except InputFailed as error:
            left_out[image_id] = str(error)
            return None
        except DataError:
            return UNREADABLE + image_id
        return None if selection is None else f"{selection.number}/{image_id}"

    with ThreadPoolExecutor() as pool:
        names = [name for name in pool.map(name_of, ids) if name is not None]
    if left_out:
        print(left_out_line(left_out), file=sys.stderr)
    if all(name.startswith(UNREADABLE) for name in names):
        raise DataError(
            f"none of {len(ids)} images gives an object: {len(names)} cannot be read, the others do not show exactly "
            f"one class on {config.least_share:g} to {config.largest_share:g} of their area"
        )
    return names


def bank_record(layout: DatasetLayout, config: BankConfig) -> dict[str, Any]:
    """Everything the objects depend on, with the record of the stage that made the label maps."""
    record = {"bank": config_to_dict(config), "labels": record_of(Path(config.label_maps)), "dataset": layout.name}
    return record | (stated_storage(layout.saliency_top) if config.object_saliency == "maps" else {})


def write_index(folder: Path, names: Sequence[str], classes: Sequence[str]) -> None:
    """Name the objects that are there, by class; without this file a bank counts as unfinished."""
    index: dict[str, list[str]] = {str(number): [] for number in range(len(classes))}
    for number, _, image_id in (name.partition("/") for name in names):
        if path_of_id(folder / number, image_id, SUFFIX).exists():
            index[number].append(f"{image_id}{SUFFIX}")
    write_json(folder / INDEX, index)
    counts = ", ".join(f"{name} {len(found)}" for name, found in zip(classes, index.values(), strict=True))
    print(f"objects per class: {counts}")


def remove_bank(folder: Path) -> None:
    """Delete the objects that the index of ``folder`` names, and the index; what else lies there stays."""
    if (folder / INDEX).exists():
        for number, names in read_index(folder).items():
            for name in names:
                resolve_inside(folder / str(number), name).unlink(missing_ok=True)
        (folder / INDEX).unlink()


class ForegroundBank:
    """All objects of a bank in memory, by class number (0-based).

    Workers that are forked share this memory. An object takes 5 bytes per pixel: about 2 GB for the 4,374 objects that
    CDA cut from PASCAL VOC.
    """

    def __init__(self, objects: Mapping[int, Sequence[Foreground]]) -> None:
        self.objects = {number: list(found) for number, found in objects.items() if found}
        if not self.objects:
            raise DataError("the bank of objects is empty; make it from labels with objects to cut out (make_bank.py)")

    def absent_classes(self, tags: npt.NDArray[np.floating]) -> list[int]:
        """The classes that an image with these tags (0/1 [C]) lacks and the bank holds, ascending."""
        return [number for number in np.flatnonzero(tags == 0).tolist() if number in self.objects]


# Pictures show what the training pastes, from the bank that it has read.
@lru_cache(maxsize=1)
def read_bank(folder: Path, n_classes: int, with_saliency: bool = True) -> ForegroundBank:
    """Read a bank made by ``make_bank.py``, or a published one (``seg_fg_dirs.npy`` and pickled objects)."""
    index = read_index(folder)
    foreign = sorted(number for number, names in index.items() if names and not 0 <= number < n_classes)
    if foreign:
        raise DataError(
            f"{folder} has objects of class {foreign[0]}, but the dataset has classes 0..{n_classes - 1}; "
            "make a bank for this dataset"
        )

    def read(number: int, name: str) -> Foreground:
        foreground = read_foreground(path := resolve_inside(folder / str(number), name))
        if with_saliency and foreground.saliency is None:
            raise DataError(f"{path} has no saliency; make the bank with saliency or set cda.mask to labels")
        others = set(np.unique(foreground.seg)) - {0, number + 1}
        if others:
            raise DataError(f"{path} is filed under class {number} but shows label {max(others)}; make the bank again")
        return foreground

    with ThreadPoolExecutor() as pool:
        objects = {number: list(pool.map(partial(read, number), names)) for number, names in index.items()}
    tops = [one.saliency.max() for found in objects.values() for one in found if one.saliency is not None]
    if with_saliency and max(tops, default=0) == UNIT:
        raise DataError(f"no object of {folder} has saliency above {UNIT}: made from maps of 0..1; make the bank again")
    return ForegroundBank(objects)


def read_index(folder: Path) -> dict[int, list[str]]:
    """Class number -> file names."""
    path = next((folder / name for name in (INDEX, PUBLISHED_INDEX) if (folder / name).is_file()), None)
    if path is None:
        raise DataError(f"no finished bank in {folder} ({INDEX} or {PUBLISHED_INDEX}); make it with make_bank.py")
    content = read_json(path) if path.name == INDEX else load_npy(path)
    try:
        if any(isinstance(names, str) for names in content.values()):
            raise TypeError
        return {int(number): [str(name) for name in names] for number, names in content.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(f"{path} is no index of a bank (class number -> file names); make the bank again") from error
