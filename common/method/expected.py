"""What is known of a dataset before it is there: how many images its lists have, which classes, and where its parts are expected."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from common.data.image_names import SUFFIX_VARIANTS
from common.data.layout import DataConfig, DatasetLayout, open_layout
from common.data.presets import PRESETS, SALIENCY_FOLDERS
from common.data.toy import CLASS_NAMES, ToyConfig
from common.errors import DataError
from common.failures import some_names
from common.method.score import has_file

# Images of the published lists, by dataset; of a list that is named otherwise than the dataset's own by that name.
KNOWN_IMAGES = {
    "voc12": {"train": 1464, "val": 1449},
    "vocaug": {"train": 10582, "val": 1449},
    "coco14": {"train": 82081, "val": 40137},
    "toy": {"train": ToyConfig().n_train, "val": ToyConfig().n_val},
}
KNOWN_LISTS = {"train_aug": 10582, "trainaug": 10582}
PATH_SETTINGS = ("train_list", "val_list", "images", "masks", "saliency", "tags", "classes")
TAG_PLACES = ("tags.csv", "cls_labels.npy", "Annotations")


@dataclass(frozen=True)
class ImageCount:
    """Attributes: n: images of a list; assumed: the list is not there, and this is the published one's length."""

    n: int
    assumed: bool = False

    def __str__(self) -> str:
        return f"{self.n:,}{' (assumed)' if self.assumed else ''}"


def count_images_of(data: DataConfig, split: str, layout: DatasetLayout | None = None) -> ImageCount | None:
    """How many images a list has; None where nobody knows.

    Args:
        data: the dataset.
        split: train or val.
        layout: the dataset's parts, where a stage has its own.
    """
    try:
        return ImageCount(len((layout or usable_layout(data)).ids(split)))
    except DataError:
        named = Path(str(getattr(data, f"{split}_list", ""))).stem
        known = KNOWN_LISTS.get(named) or KNOWN_IMAGES.get(data.dataset, {}).get(split)
        return ImageCount(known, assumed=True) if known else None


def count_classes(data: DataConfig) -> int | None:
    """Number of classes without the background; None where nobody knows."""
    try:
        return usable_layout(data).n_classes
    except DataError:
        classes = CLASS_NAMES if data.dataset == "toy" else PRESETS[data.dataset].classes
        return len(classes) if classes else None


def usable_layout(data: DataConfig) -> DatasetLayout:
    """The dataset's parts, those that its settings name and that are not there left out.

    Raises:
        DataError: there is no dataset.
    """
    return open_layout(without_missing(data)[0])


def without_missing(data: DataConfig) -> tuple[DataConfig, dict[str, str]]:
    """The dataset without the settings that lead nowhere, and what is wrong with these."""
    wrong: dict[str, str] = {}
    if not Path(data.root).is_dir():
        return data, wrong
    alone = with_paths(data, dict.fromkeys(PATH_SETTINGS, "") | {"classes": data.classes})
    if message_of(partial(open_layout, alone)):
        # Not one of these settings: there are no class names.
        return data, wrong
    for name in (name for name in PATH_SETTINGS if getattr(data, name)):
        said = message_of(partial(open_layout, with_paths(alone, {name: getattr(data, name)})))
        if said:
            wrong[name] = said[0]
    return with_paths(data, dict.fromkeys(wrong, "")), wrong


def with_paths(data: DataConfig, paths: Mapping[str, str]) -> DataConfig:
    """The dataset with other values of settings that are paths."""
    changed: dict[str, Any] = dict(paths)
    return dataclasses.replace(data, **changed)


def missing_parts(data: DataConfig, split: str, parts: Collection[str]) -> list[str]:
    """What of a dataset is missing for a stage, each with the place where it is expected.

    Args:
        data: the dataset.
        split: the list that the stage works on; empty for none.
        parts: what it looks at: images, masks, saliency, tags.
    """
    usable, wrong = without_missing(data)
    said = [message for name, message in wrong.items() if name in {f"{split}_list", *parts}]
    try:
        layout = open_layout(usable)
    except DataError as error:
        return [str(error), *([] if Path(data.root).is_dir() else expected_parts(data, split, parts))]
    try:
        ids = layout.ids(split)
    except DataError as error:
        return [*said, str(error)]
    finders = {"images": layout.image_path, "masks": layout.mask_path, "saliency": layout.saliency_path}
    for part in (part for part in finders if part in parts and part not in wrong):
        without = [image_id for image_id in ids if not has_file(finders[part], image_id)]
        if without:
            place = {"images": layout.images, "masks": layout.masks, "saliency": layout.saliency}[part]
            said.append(f"{split}: {len(without)} of {len(ids)} {part} are not in {place}, e.g. {some_names(without)}")
    if "tags" in parts and "tags" not in wrong:
        said += message_of(partial(layout.read_tags, ids))
    return said


def expected_parts(data: DataConfig, split: str, parts: Collection[str]) -> list[str]:
    """Where the parts of a dataset are looked for whose folder is not there."""
    preset, root = PRESETS[data.dataset], Path(data.root)
    named = str(getattr(data, f"{split}_list", ""))
    folder = preset.list_folders[0]
    default = preset.list_candidates(split)[0] if split else ""
    said = [f"the list of {split}: expected {root / (f'{folder}/{named}.txt' if named else default)}"] if split else []
    places = {
        "images": str(root / (data.images or preset.images[0]) / f"<id>{SUFFIX_VARIANTS[0]}"),
        "masks": str(root / (data.masks or preset.masks[0]) / "<id>.png"),
        "saliency": str(root / (data.saliency or SALIENCY_FOLDERS[0]) / "<id>.png"),
        "tags": " or ".join(str(root / name) for name in TAG_PLACES),
    }
    return said + [f"{part}: expected {place}" for part, place in places.items() if part in parts]


def message_of(check: Callable[[], object]) -> list[str]:
    """The message of a check that fails; nothing of one that does not."""
    try:
        check()
    except DataError as error:
        return [str(error)]
    return []
