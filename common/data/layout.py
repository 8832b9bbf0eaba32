"""Where a dataset's images, masks, saliency maps, tags and lists lie: one description for every kind of dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from common.data.classes import read_class_names
from common.data.image_names import (
    MAP_SUFFIXES,
    SALIENCY_SUFFIXES,
    SUFFIX_VARIANTS,
    find_file,
    folder_ids,
)
from common.data.images import read_saliency
from common.data.lists import ListEntry, read_list
from common.data.presets import (
    CLASSES_FILE,
    PRESETS,
    SALIENCY_FOLDERS,
    SALIENCY_SETS,
    DatasetName,
    Preset,
)
from common.data.saliency_levels import largest_saliency, listed_files
from common.data.tag_reading import MadeTags, tag_files, tags_of_file, tags_of_school
from common.data.tag_schools import TAG_SCHOOLS, TagSchool
from common.data.tags import Tags
from common.data.tags_csv import csv_class_names
from common.errors import DataError
from common.failures import existing_file
from common.paths import resolve_inside


@dataclass
class DataConfig:
    """Which dataset to use and where it lies.

    A path setting is relative to ``root`` if it exists there, else a path of its own. Left empty, it is found by the
    dataset's preset (``common/data/presets.py``).

    Args:
        dataset: voc12 (1,464 train images), vocaug (10,582), coco14 (VOC layout), toy (the generated set), or folder
            (your own images in ``images/`` with a ``tags.csv``).
        root: the dataset's folder, for VOC the one that holds JPEGImages.
        train_list: training list: a name in the lists folder (``train_aug``) or a file.
        val_list: validation list, as train_list.
        images: folder of the images.
        masks: folder of the label maps; set, it also replaces the label paths written in lists.
        saliency: folder of the saliency maps; a name is also looked for in the folder ``sal`` of ``root``.
        saliency_largest: the value that stands for salient in these maps, 255 or 1; 0 finds it out over all of them.
        tags: tag file (.csv, .npy, .pkl, .txt), folder of VOC XML annotations, or a school, made of the tags or masks at hand: xml
            (all objects of the annotations), pixels (classes with a pixel in the mask), sbd (SGAN's).
        classes: file of class names: one per line without the background, or as annotation tools write them.
    """

    dataset: DatasetName = "vocaug"
    root: str = "data/VOCdevkit/VOC2012"
    train_list: str = ""
    val_list: str = ""
    images: str = ""
    masks: str = ""
    saliency: str = ""
    saliency_largest: Literal[0, 1, 255] = 0
    tags: str = ""
    classes: str = ""


@dataclass(frozen=True)
class DatasetLayout:
    """The places of one dataset, made by :func:`open_layout`. Folders may be missing; asking for a file then says so.

    Args:
        name: the preset.
        root: the dataset's folder.
        classes: class names in label order, without the background.
        images, masks, saliency: folders.
        tags: tag file or annotation folder; None if there is none.
        lists: split -> list file. A ``folder`` dataset without a training list has no entry ``train``.
        paths_from_lists: which of "image" and "label" are taken from path lists where these name them; the other is
            looked up in its folder by id.
        saliency_largest: the setting.
        school: the school whose tags are made of what is at hand; None for the tags as they are.
    """

    name: DatasetName
    root: Path
    classes: tuple[str, ...]
    images: Path
    masks: Path
    saliency: Path
    tags: Path | None
    lists: dict[str, Path]
    paths_from_lists: frozenset[Literal["image", "label"]] = frozenset(("image", "label"))
    saliency_largest: Literal[0, 1, 255] = 0
    school: TagSchool | None = None

    @property
    def n_classes(self) -> int:
        """Number of classes without the background."""
        return len(self.classes)

    @property
    def upright(self) -> bool:
        """Whether images and maps are turned as their EXIF orientation says: a user's own are, VOC, COCO and the toy set not."""
        return self.name == "folder"

    def image_path(self, image_id: str) -> Path:
        """The image file of ``image_id``; a :class:`DataError` says where it was expected."""
        listed = self.listed_entries.get(image_id)
        if listed is not None and listed.image is not None and "image" in self.paths_from_lists:
            return existing_file(resolve_inside(self.root, listed.image), "image", image_id)
        return find_file(self.images, image_id, SUFFIX_VARIANTS, "image")

    def mask_path(self, image_id: str) -> Path:
        """The label map of ``image_id``; a :class:`DataError` says where it was expected."""
        listed = self.listed_entries.get(image_id)
        if listed is not None and listed.label is not None and "label" in self.paths_from_lists:
            return existing_file(resolve_inside(self.root, listed.label), "mask", image_id)
        return find_file(self.masks, image_id, MAP_SUFFIXES, "mask")

    def saliency_path(self, image_id: str) -> Path:
        """The saliency map of ``image_id``; a :class:`DataError` says where it was expected."""
        return find_file(self.saliency, image_id, SALIENCY_SUFFIXES, "saliency map")

    def read_saliency(self, image_id: str) -> npt.NDArray[np.uint8]:
        """The saliency map of ``image_id``, uint8 [H, W], 0 .. 255 (salient), whatever it is stored as."""
        return read_saliency(self.saliency_path(image_id), self.upright, self.saliency_top)

    @cached_property
    def saliency_top(self) -> int:
        """The value that stands for salient in the files, 255 or 1. Ask before work is given to other processes."""
        return self.saliency_largest or largest_saliency(listed_files(self.ids, self.saliency_path), self.saliency)

    def entries(self, split: str) -> list[ListEntry]:
        """The list of ``split``: "train", "val", or the name of another list of this dataset ("trainval", "test").

        A ``folder`` dataset without a training list trains on all its images, in sorted order, except those listed
        in its ``val.txt``.

        Raises:
            DataError: there is no such list or it is not readable.
        """
        if self.name == "folder" and split == "train" and "train" not in self.lists:
            held_out = set(self.ids("val")) if "val" in self.lists else set()
            return [ListEntry(id=image_id) for image_id in folder_ids(self.images) if image_id not in held_out]
        candidates = [self.root / name for name in PRESETS[self.name].list_candidates(split)]
        path = self.lists.get(split) or first_existing(candidates)
        if not path.is_file():
            tried = ", ".join(str(candidate) for candidate in candidates)
            raise DataError(f"no list for split {split!r}: looked for {tried}. Put it there or set {split}_list.")
        return read_list(path)

    def ids(self, split: str) -> list[str]:
        """The ids of :meth:`entries`, in list order."""
        return [entry.id for entry in self.entries(split)]

    def read_tags(self, ids: Sequence[str]) -> Tags:
        """id -> float32 [C] of 0 and 1 for ``ids``, in their order; see :func:`common.data.tags.read_tags`.

        Raises:
            DataError: there are no tags, they are not usable, or some of ``ids`` have none.
        """
        return self.made_tags(ids).tags

    def made_tags(self, ids: Sequence[str]) -> MadeTags:
        """:meth:`read_tags`, and what the tags were made of."""
        if self.school is None:
            tags = tags_of_file(self.tags, self.root, self.classes, ids)
            return MadeTags(tags, self.tags_name, is_of_school=False)
        return tags_of_school(self.school, ids, self.classes, self.tags, self.root, self.mask_path, self.upright)

    @property
    def tags_name(self) -> str:
        """What the setting stands for: a school, or the name of the tag file."""
        return self.school or (self.tags.name if self.tags else "")

    def all_tags(self) -> Tags:
        """The tags of every image that has any, as :meth:`read_tags`; of a school those of the lists' images."""
        if self.school is None:
            return tags_of_file(self.tags, self.root, self.classes)
        listed = (self.ids(split) for split, path in self.lists.items() if path.is_file())
        return self.read_tags(list(dict.fromkeys(image_id for ids in listed for image_id in ids)))

    @cached_property
    def listed_entries(self) -> dict[str, ListEntry]:
        """id -> entry, for the entries of the train and val lists that name files."""
        named: dict[str, ListEntry] = {}
        for path in self.lists.values():
            for entry in read_list(path) if path.is_file() else ():
                if entry.image is None:
                    continue
                if named.setdefault(entry.id, entry) != entry:
                    raise DataError(
                        f"list {path} gives {entry.id!r} other files ({entry.image} {entry.label}) than another list of "
                        f"this dataset ({named[entry.id].image} {named[entry.id].label}); make them agree."
                    )
        return named


def open_layout(config: DataConfig) -> DatasetLayout:
    """Find the parts of a dataset.

    Raises:
        DataError: the root or a path that was set does not exist, or the class names cannot be found.
    """
    preset, root = PRESETS[config.dataset], Path(config.root)
    if not root.is_dir():
        raise DataError(f"dataset folder {root} does not exist; put the dataset there or set root to where it lies.")
    # A file of that name is meant before the school.
    school = next((one for one in TAG_SCHOOLS if one == config.tags and not (root / one).exists()), None)
    tags = (
        find_setting(root, config.tags, "tags")
        if config.tags and not school
        else next(iter(tag_files(root, preset)), None)
    )
    overridden = {"image": config.images, "label": config.masks}
    return DatasetLayout(
        name=config.dataset,
        root=root,
        classes=find_classes(root, preset, config.classes, tags),
        images=find_folder(root, config.images, "images", preset.images),
        masks=find_folder(root, config.masks, "masks", preset.masks),
        saliency=find_saliency(root, config.saliency),
        tags=tags,
        lists=find_lists(root, preset, {"train": config.train_list, "val": config.val_list}, config.dataset),
        paths_from_lists=frozenset(kind for kind in ("image", "label") if not overridden[kind]),
        saliency_largest=config.saliency_largest,
        school=school,
    )


def find_setting(root: Path, value: str, setting: str) -> Path:
    """The path a setting means: inside ``root`` if it exists there, else on its own."""
    path = first_existing([root / value, Path(value)])
    if not path.exists():
        raise DataError(f"setting {setting}: {value!r} exists neither in {root} nor as a path of its own; correct it.")
    return path


def find_folder(root: Path, value: str, setting: str, candidates: Sequence[str]) -> Path:
    """The folder that was set, else the first candidate that exists, else the first candidate."""
    if value:
        return find_setting(root, value, setting)
    return first_existing([root / candidate for candidate in candidates])


def find_saliency(root: Path, value: str) -> Path:
    """The folder of saliency maps; one that is set may be one of several in ``sal``, as SGAN keeps them."""
    in_sal = root / SALIENCY_SETS / value
    return in_sal if value and in_sal.is_dir() else find_folder(root, value, "saliency", SALIENCY_FOLDERS)


def first_existing(candidates: Sequence[Path]) -> Path:
    """The first candidate that exists, else the first one: where the thing is expected."""
    return next((candidate for candidate in candidates if candidate.exists()), candidates[0])


def find_lists(root: Path, preset: Preset, settings: dict[str, str], name: DatasetName) -> dict[str, Path]:
    """Split -> list file; of a ``folder`` dataset only the lists that exist."""
    lists = {}
    for split, value in settings.items():
        if value:
            inside = [root / folder / (value + ending) for folder in preset.list_folders for ending in ("", ".txt")]
            lists[split] = next((path for path in inside if path.is_file()), None) or find_setting(
                root, value, f"{split}_list"
            )
            continue
        path = first_existing([root / candidate for candidate in preset.list_candidates(split)])
        if name != "folder" or path.is_file():
            lists[split] = path
    return lists


def find_classes(root: Path, preset: Preset, value: str, tags: Path | None) -> tuple[str, ...]:
    """The class names: from the file that was set, the preset, ``classes.txt``, or the names in a ``tags.csv``."""
    if value:
        return read_class_names(find_setting(root, value, "classes"))
    if preset.classes is not None:
        return preset.classes
    if (root / CLASSES_FILE).is_file():
        return read_class_names(root / CLASSES_FILE)
    if preset is PRESETS["folder"] and tags is not None and tags.suffix.lower() == ".csv":
        return csv_class_names(tags)
    alternative = ", or a tags.csv that names them" if preset is PRESETS["folder"] else ""
    raise DataError(
        f"{root} has no class names; write {root / CLASSES_FILE} with one name per line, no background{alternative}."
    )
