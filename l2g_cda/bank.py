"""The bank of cut-out objects: made from label maps or CAMs, and read by the training (l2g_cda spec, section 4.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from common.cam.files import Cams, find_cams, read_cams
from common.config import config_to_dict
from common.data.images import read_image, read_label_map, read_saliency
from common.data.layout import DatasetLayout
from common.data.palette import IGNORE_LABEL
from common.data.restricted_pickle import load_npy
from common.errors import ConfigError, DataError
from common.files import read_json, resolve_inside, write_json
from common.method.files import record_of
from common.pseudo_labels.background import constant
from common.pseudo_labels.labels import LabelMap, pseudo_label
from l2g_cda.objects import SALIENT, Foreground, Selection, cut_object, read_foreground, select_object
from l2g_cda.views import Pixels

INDEX, PUBLISHED_INDEX = "seg_fg_dirs.json", "seg_fg_dirs.npy"
SUFFIX = ".npz"
# Threads: reading a file does not hold Python's lock.
READERS = 8
# In the place of the class of an image that cannot be read; cutting its object then says why.
UNREADABLE = "unreadable"


@dataclass
class BankConfig:
    """What a bank of objects is made from, and which images may give an object.

    Args:
        label_maps: folder of label maps ``<id>.png``; empty to take the labels from the CAMs.
        cam_files: folder of CAM files (``.npy`` or ``.npz``).
        cam_threshold: background score that makes labels of CAMs.
        object_saliency: is cut from the dataset's maps, is 255 on the object's label, or is its CAM times 255.
        least_share, largest_share: how much of the image the object may cover.
        least_salient: share of the object with saliency > 200 that it needs, as only that part is ever pasted; the
            published rule asks for nothing.
    """

    label_maps: str = ""
    cam_files: str = ""
    cam_threshold: float = 0.35
    object_saliency: Literal["maps", "labels", "cams"] = "maps"
    least_share: float = 0.1
    largest_share: float = 0.7
    least_salient: float = 0.0

    def __post_init__(self) -> None:
        if self.object_saliency == "cams" and not self.cam_files:
            raise ConfigError("bank.object_saliency cams takes the saliency from CAM files: give bank.cam_files")
        if not 0 <= self.least_share <= self.largest_share <= 1:
            raise ConfigError(
                f"an object must cover between {self.least_share} and {self.largest_share} of its image; give shares in 0..1"
            )

    @property
    def sources(self) -> list[Path]:
        """The folders to cut objects from."""
        return [Path(folder) for folder in (self.label_maps, self.cam_files) if folder]


class ObjectReader:
    """``"<class number>/<id>" -> object`` of the images that have one (picklable)."""

    def __init__(self, layout: DatasetLayout, config: BankConfig) -> None:
        self.layout, self.config = layout, config

    def __call__(self, name: str) -> Foreground:
        image_id = name.partition("/")[2]
        label_map = self.label_map(image_id)
        selection = select_object(label_map, self.config.least_share, self.config.largest_share)
        if selection is None:
            raise DataError(f"{image_id}: its labels changed while the bank was made; run the command again")
        image = read_image(self.layout.image_path(image_id))
        return cut_object(selection, image, label_map, self.saliency(image_id, label_map, selection.number))

    def select(self, image_id: str) -> Selection | None:
        """The object of an image, if it is fit for the bank."""
        config = self.config
        label_map = self.label_map(image_id)
        selection = select_object(label_map, config.least_share, config.largest_share)
        if selection is None or config.least_salient == 0:
            return selection
        object_pixels = label_map == selection.number + 1
        salient = (self.saliency(image_id, label_map, selection.number) > SALIENT)[object_pixels]
        return selection if salient.mean() >= config.least_salient else None

    def label_map(self, image_id: str) -> LabelMap:
        """uint8 H x W: read, or made of the CAMs."""
        n_classes = self.layout.n_classes
        if not self.config.label_maps:
            keys, maps = self.read_cams(image_id)
            return pseudo_label(maps, keys, constant(self.config.cam_threshold, maps.shape[1:]))
        label_map = read_label_map(resolve_inside(Path(self.config.label_maps), f"{image_id}.png"))
        wrong = label_map[(label_map > n_classes) & (label_map != IGNORE_LABEL)]
        if wrong.size:
            raise DataError(f"the label map of {image_id} has label {wrong[0]}; the dataset has {n_classes}")
        return label_map

    def saliency(self, image_id: str, label_map: LabelMap, number: int) -> Pixels:
        """uint8 H x W for the object of class ``number`` in a label map uint8 H x W."""
        if self.config.object_saliency == "maps":
            return read_saliency(self.layout.saliency_path(image_id))
        if self.config.object_saliency == "labels":
            return np.where(label_map == number + 1, np.uint8(255), np.uint8(0))
        keys, maps = self.read_cams(image_id)
        found = np.flatnonzero(keys == number)
        if not found.size:
            raise DataError(
                f"{image_id} shows class {number}, of which its CAM file has no map; compute the CAMs again"
            )
        return np.rint(255 * np.clip(maps[found[0]], 0, 1)).astype(np.uint8)

    def read_cams(self, image_id: str) -> Cams:
        return read_cams(find_cams(Path(self.config.cam_files), image_id))


def names_of_objects(layout: DatasetLayout, config: BankConfig, ids: Sequence[str]) -> list[str]:
    """``<class number>/<id>`` of the images that give an object, and of those that cannot be read, which then fail by name.

    Raises:
        ConfigError: nothing is given to cut objects from.
        DataError: it does not exist, or not one image is fit.
    """
    reader = ObjectReader(layout, config)
    if not config.sources:
        raise ConfigError("say what to cut objects from: bank.label_maps or bank.cam_files (--labels, --cams)")
    for folder in config.sources:
        if not folder.is_dir():
            raise DataError(f"folder {folder} does not exist; make the labels or CAMs first")

    def name_of(image_id: str) -> str | None:
        try:
            selection = reader.select(image_id)
        except DataError:
            return f"{UNREADABLE}/{image_id}"
        return None if selection is None else f"{selection.number}/{image_id}"

    with ThreadPoolExecutor() as pool:
        names = [name for name in pool.map(name_of, ids) if name is not None]
    unreadable = [name for name in names if name.startswith(f"{UNREADABLE}/")]
    if len(names) == len(unreadable):
        example = f" (e.g. {unreadable[0].partition('/')[2]})" if unreadable else ""
        raise DataError(
            f"none of {len(ids)} images gives an object: {len(names)} cannot be read{example}, the others do not show exactly "
            f"one class on {config.least_share:g} to {config.largest_share:g} of their area"
        )
    return names


def sources_record(layout: DatasetLayout, config: BankConfig) -> dict[str, Any]:
    """Everything the objects depend on, with the records of the stages that made the label maps and CAMs."""
    made_from = [record for folder in config.sources if (record := record_of(folder))]
    return {"bank": config_to_dict(config), "made_from": made_from, "dataset": layout.name}


def write_index(folder: Path, names: Sequence[str], classes: Sequence[str]) -> None:
    """Name the objects that are there, by class; without this file a bank counts as unfinished."""
    index: dict[str, list[str]] = {str(number): [] for number in range(len(classes))}
    for number, _, image_id in (name.partition("/") for name in names):
        if (folder / number / f"{image_id}{SUFFIX}").exists():
            index[number].append(f"{image_id}{SUFFIX}")
    write_json(folder / INDEX, index)
    counts = ", ".join(f"{name} {len(found)}" for name, found in zip(classes, index.values(), strict=True))
    print(f"objects per class: {counts}")


def remove_bank(folder: Path) -> None:
    """Delete the objects that the index of ``folder`` names, and the index; what else lies there stays."""
    if not (folder / INDEX).exists():
        return
    for number, names in read_index(folder).items():
        for name in names:
            resolve_inside(folder / str(number), name).unlink(missing_ok=True)
    (folder / INDEX).unlink()


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
        self.objects = {number: found for number, found in objects.items() if found}
        if not self.objects:
            raise DataError("the bank of objects is empty; make it from labels with objects to cut out (make_bank.py)")

    def absent_classes(self, tags: npt.NDArray[np.floating]) -> list[int]:
        """The classes that an image with these tags [C] lacks and the bank holds, ascending."""
        return [number for number in np.flatnonzero(tags == 0).tolist() if number in self.objects]


class ObjectFiles(Sequence[Foreground]):
    """The objects of a class, each read when it is asked for."""

    def __init__(self, folder: Path, number: int, names: Sequence[str], with_saliency: bool) -> None:
        self.paths = [resolve_inside(folder / str(number), name) for name in names]
        self.number, self.with_saliency = number, with_saliency

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: Any) -> Any:
        """An object, which must show its class and nothing else."""
        path = self.paths[place]
        foreground = read_foreground(path)
        if self.with_saliency and foreground.saliency is None:
            raise DataError(f"{path} has no saliency; make the bank with saliency or set cda.mask to labels")
        shown = foreground.seg[foreground.seg != 0]
        if (shown != self.number + 1).any():
            raise DataError(
                f"{path} is filed under class {self.number} but shows label {shown.max()}; make the bank again"
            )
        return foreground


def read_bank(folder: Path, n_classes: int, *, with_saliency: bool = True, lazily: bool = False) -> ForegroundBank:
    """Read a bank made by ``make_bank.py``, or a published one (``seg_fg_dirs.npy`` and pickled objects).

    Args:
        n_classes: classes of the dataset, without the background.
        with_saliency: every object must have a saliency map.
        lazily: objects are read when they are asked for, for a look at a few.

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
    files = {number: ObjectFiles(folder, number, names, with_saliency) for number, names in index.items()}
    if lazily:
        return ForegroundBank(files)
    with ThreadPoolExecutor(READERS) as pool:
        return ForegroundBank(
            {number: list(pool.map(found.__getitem__, range(len(found)))) for number, found in files.items()}
        )


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
        if any(isinstance(names, str) for names in content.values()):
            raise TypeError
        return {int(number): [str(name) for name in names] for number, names in content.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(f"{path} is no index of a bank (class number -> file names); make the bank again") from error
