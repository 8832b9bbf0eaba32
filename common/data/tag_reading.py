"""The tags of a dataset as ``data.tags`` says: a file as it is, or those of a school, made of what is at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.data.classes import VOC_CLASSES
from common.data.images import read_label_map
from common.data.palette import IGNORE_LABEL
from common.data.presets import IMAGE_SETS, Preset
from common.data.tag_schools import TagSchool, differing_ids, require_published, schools_that_fit, to_school
from common.data.tags import Tags, read_tags, select_tags, vector
from common.errors import DataError

PathOfMask = Callable[[str], Path]
# Label maps whose classes are remembered: those of COCO's training list and more.
REMEMBERED = 1 << 17
ANNOTATIONS = "Annotations"


class MadeTags(NamedTuple):
    """Tags and what they were made of.

    Attributes:
        tags: id -> float32 [C] of 0 and 1.
        origin: name of the file, or the folder of masks or annotations.
        is_of_school: whether they are known to be of the school that was asked for.
    """

    tags: Tags
    origin: str
    is_of_school: bool = True


def tag_files(root: Path, preset: Preset) -> list[Path]:
    """All known forms of tags that are there under ``root``, the one that is used first."""
    in_lists = sorted((root / IMAGE_SETS).rglob("train_cls.txt"))
    beside = [root / folder / "train_cls.txt" for folder in preset.list_folders]
    vectors = [root / folder / "cls_labels.npy" for folder in ("", *preset.list_folders)]
    candidates = [root / "tags.csv", *vectors, *in_lists, *beside, root / ANNOTATIONS, root / "im_tags.pkl"]
    # "." as a folder of lists names a file twice.
    return [path for path in dict.fromkeys(candidates) if path.exists()]


def tags_of_file(path: Path | None, root: Path, classes: Sequence[str], ids: Sequence[str] | None = None) -> Tags:
    """The tags of a file or of a folder of annotations, id -> float32 [C] of 0 and 1: of ``ids`` in their order, or all.

    Tags in the style of ``train_cls.txt`` are one file per list, so the ``*_cls.txt`` files beside it count too; for an id in
    several of them ``path`` comes first.

    Raises:
        DataError: there are no tags, they are not usable, or some of ``ids`` have none.
    """
    if path is None:
        raise DataError(
            f"{root} has no tags: expected tags.csv, cls_labels.npy, train_cls.txt, Annotations or im_tags.pkl. "
            "Write a tags.csv with a row '<id>,<class name> <class name>' per image, or set tags."
        )
    if path.is_dir():
        return read_tags(path, classes, ids)
    tags = read_tags(path, classes)
    if path.name.endswith("_cls.txt"):
        for sibling in sorted(path.parent.glob("*_cls.txt")):
            tags = {**read_tags(sibling, classes), **tags}
    return tags if ids is None else select_tags(tags, ids, path)


def tags_of_school(
    school: TagSchool,
    ids: Sequence[str],
    classes: Sequence[str],
    file: Path | None,
    root: Path,
    mask_path: PathOfMask,
    upright: bool,
) -> MadeTags:
    """The tags of a school for ``ids``.

    VOC's tags of any school become those of any other; with none of the images on which the schools differ they stay as they are.
    Without tags of VOC, ``pixels`` are counted in the masks, if all are there, and ``xml`` are read from ``Annotations``.

    Args:
        file: the tags that were found or None.
        root: the dataset's folder.
        mask_path: label map of an id; a :class:`DataError` where there is none.

    Raises:
        DataError: neither way is open, or the tags of a whole published list are not the published ones.
    """
    tags: Tags = {}
    is_voc = tuple(classes) == VOC_CLASSES
    if is_voc and file is not None:
        tags = tags_of_file(file, root, classes, ids)
        if differing_ids(tags) and schools_that_fit(tags):
            made = to_school(tags, school)
            require_published(made, school)
            return MadeTags(made, file.name)
        if not differing_ids(tags):
            return MadeTags(tags, file.name, is_of_school=False)
    if school == "pixels" and (masks := existing_masks(ids, mask_path)):
        return MadeTags(tags_of_masks(ids, masks, len(classes), upright), f"masks of {masks[0].parent.name}")
    if school == "xml" and (root / ANNOTATIONS).is_dir():
        return MadeTags(tags_of_file(root / ANNOTATIONS, root, classes, ids), ANNOTATIONS)
    raise DataError(cannot_make(school, tags, is_voc, file, root))


def cannot_make(school: TagSchool, tags: Tags, is_voc: bool, file: Path | None, root: Path) -> str:
    """Why a school's tags cannot be had, and what to do."""
    if tags:
        try:
            to_school(tags, school)
        except DataError as error:
            return f"tags: {school} cannot be made of {file}: {error}. Set tags to that file to use it as it is."
    needs = {
        "xml": f"{root / ANNOTATIONS}",
        "pixels": "the masks of all images",
        "sbd": "VOC's tags in any form (only VOC has this school)",
    }
    also = (
        ", or VOC's tags in any form (cls_labels.npy, train_cls.txt, im_tags.pkl)" if is_voc and school != "sbd" else ""
    )
    return f"tags: {school} needs {needs[school]}{also}, which is not there: put it there, or set tags to a file."


def existing_masks(ids: Sequence[str], mask_path: PathOfMask) -> list[Path]:
    """The label maps of all ``ids``; empty where one is missing."""
    try:
        return [mask_path(image_id) for image_id in ids]
    except DataError:
        return []


def tags_of_masks(ids: Sequence[str], masks: Sequence[Path], n_classes: int, upright: bool) -> Tags:
    """The classes with a pixel in the label map of each id, float32 [C] of 0 and 1; ignored pixels do not count.

    Raises:
        DataError: a label map is not readable, or holds a label above ``n_classes``.
    """

    def labels(path: Path) -> tuple[int, ...]:
        status = path.stat()
        return labels_in_mask(path, upright, status.st_mtime_ns, status.st_size)

    with ThreadPoolExecutor() as pool:
        shown = list(pool.map(labels, masks))
    tags = {}
    for image_id, path, values in zip(ids, masks, shown, strict=True):
        classes = [value - 1 for value in values if 0 < value != IGNORE_LABEL]
        if classes and max(classes) >= n_classes:
            raise DataError(
                f"{path} holds label {max(classes) + 1}, but there are {n_classes} classes; correct it before tags are made of masks"
            )
        tags[image_id] = vector(classes, n_classes)
    return tags


@lru_cache(maxsize=REMEMBERED)
def labels_in_mask(path: Path, upright: bool, changed: int, size: int) -> tuple[int, ...]:
    """The values of a label map, 0..255; ``changed`` and ``size`` of its file make another version another map."""
    return tuple(np.unique(read_label_map(path, upright)).tolist())
