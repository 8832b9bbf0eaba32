"""Image tags in every form of the field, as one 0/1 vector per image.

====================  ======================================================================  ====================
form                  content                                                                 found in
====================  ======================================================================  ====================
``.npy``              dictionary id -> vector [C] of 0/1 (``cls_labels.npy``)                 PSA, IRN, EPS, SMAF
``.pkl``              dictionary id -> class numbers 1..C (``im_tags.pkl``)                   SGAN
``.txt``              lines of id and 0-based class numbers (``train_cls.txt``)               L2G, OAA, DRS, I2CRC
``.csv``              rows of id and class names (``tags.csv``), see :mod:`tags_csv`          your own data
a folder              VOC annotation XML files ``<id>.xml``, see :mod:`tags_xml`              VOC, SOD
====================  ======================================================================  ====================

Pickled forms go through :mod:`common.data.restricted_pickle`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.data.classes import name_classes
from common.data.lists import read_list
from common.data.plain_values import as_array, brief
from common.data.restricted_pickle import load_npy, load_restricted_pickle
from common.data.tags_csv import read_csv_names
from common.data.tags_xml import read_xml_names
from common.errors import DataError
from common.paths import quoted_start, require_id

Tags = dict[str, npt.NDArray[np.float32]]


def read_tags(path: Path, classes: Sequence[str], ids: Sequence[str] | None = None) -> Tags:
    """Read the tags of a data set.

    Args:
        path: a tag file or a folder of VOC annotations; its form follows from its extension.
        classes: the class names in label order, without the background.
        ids: the images to return, in this order; None for all the file knows.

    Returns:
        id -> float32 [C] of 0 and 1; entry k stands for ``classes[k]``, that is label k + 1.

    Raises:
        DataError: the file is missing, broken or of another form; it uses a class that is not in ``classes`` or a
            vector of another length; some of ``ids`` have no tags.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"tags {path} do not exist; accepted are .npy, .pkl, .txt, .csv or a folder of VOC XML files.")
    if path.is_dir():
        tags = tags_from_names(read_xml_names(path, ids), path, classes)
    elif path.suffix.lower() == ".csv":
        tags = tags_from_names(read_csv_names(path, classes), path, classes)
    elif path.suffix.lower() == ".npy":
        tags = tags_from_vectors(load_npy(path), path, classes)
    elif path.suffix.lower() == ".pkl":
        tags = tags_from_numbers(require_dictionary(load_restricted_pickle(path), path), path, classes, first=1)
    elif path.suffix.lower() == ".txt":
        tags = tags_from_numbers(read_class_list(path), path, classes, first=0)
    else:
        raise DataError(f"{path} is no known form of tags; use .npy, .pkl, .txt, .csv or a folder of VOC XML files.")
    for image_id in tags:
        require_id(image_id, path)
    return tags if ids is None else select_tags(tags, ids, path)


def select_tags(tags: Tags, ids: Sequence[str], path: Path) -> Tags:
    """The tags (float32 [C] each) of ``ids`` in their order; a :class:`DataError` names those without."""
    missing = [image_id for image_id in ids if image_id not in tags]
    if missing:
        examples = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise DataError(
            f"{len(missing)} of {len(ids)} images have no tags in {path}: {examples}. "
            "Add them there, or take these images out of the list."
        )
    return {image_id: tags[image_id] for image_id in ids}


def tags_from_names(names: dict[str, list[str]], path: Path, classes: Sequence[str]) -> Tags:
    """id -> float32 [C] of 0 and 1, from id -> class names."""
    position = {name: index for index, name in enumerate(classes)}
    tags = {}
    for image_id, image_names in names.items():
        for name in image_names:
            if name not in position:
                raise unknown_class(image_id, quoted_start(name), path, classes)
        tags[image_id] = vector((position[name] for name in image_names), len(classes))
    return tags


def tags_from_numbers(numbers: dict[Any, Any], path: Path, classes: Sequence[str], first: int) -> Tags:
    """id -> float32 [C] of 0 and 1, from id -> class numbers, where number ``first`` means ``classes[0]``."""
    tags = {}
    for key, image_numbers in numbers.items():
        image_id = key_to_id(key, path)
        array = np.atleast_1d(as_array(image_numbers, f"the tags of {quoted_start(image_id)}", path))
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise DataError(
                f"{path}: the tags of {quoted_start(image_id)} are not a sequence of class numbers: {brief(image_numbers)}."
            )
        for number in array.tolist():
            if not first <= number < first + len(classes):
                allowed = f" (expected {first}..{first + len(classes) - 1}, without the background)"
                raise unknown_class(image_id, f"number {number}{allowed}", path, classes)
        tags[image_id] = vector((number - first for number in array.tolist()), len(classes))
    return tags


def tags_from_vectors(content: Any, path: Path, classes: Sequence[str]) -> Tags:
    """id -> float32 [C] of 0 and 1, from a dictionary id -> vector [C] of numbers, checked."""
    tags = {}
    for key, value in require_dictionary(content, path).items():
        image_id = key_to_id(key, path)
        array = as_array(value, f"the tags of {quoted_start(image_id)}", path)
        if array.shape != (len(classes),):
            hint = (
                " It seems to include the background; drop the first entry."
                if array.shape == (len(classes) + 1,)
                else ""
            )
            raise DataError(
                f"{path}: the tags of {quoted_start(image_id)} have shape {array.shape}, but there are {len(classes)} classes "
                f"({name_classes(classes)}).{hint}"
            )
        if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
            raise DataError(f"{path}: the tags of {quoted_start(image_id)} are not all 0 or 1: {brief(array)}.")
        tags[image_id] = array.astype(np.float32)
    return tags


def vector(indexes: Iterable[int], n_classes: int) -> npt.NDArray[np.float32]:
    """float32 [C] with 1 at ``indexes``."""
    result = np.zeros(n_classes, dtype=np.float32)
    result[list(indexes)] = 1
    return result


def key_to_id(key: Any, path: Path) -> str:
    """A dictionary key as an id.

    IRN writes VOC ids as integers (``2007_000032`` -> 2007000032); these ten digits are turned back. Any other integer
    (COCO) is its decimal text.
    """
    try:
        text = key.decode("utf-8") if isinstance(key, bytes) else str(key)
    # Not UTF-8, or a whole number too long to be written.
    except ValueError as error:
        raise DataError(f"{path} has the key {brief(key)}, which is no image id; correct it.") from error
    is_voc_number = isinstance(key, int) and len(text) == 10 and text[:2] in ("19", "20")
    return f"{text[:4]}_{text[4:]}" if is_voc_number else text


def require_dictionary(content: Any, path: Path) -> dict[Any, Any]:
    if not isinstance(content, dict):
        raise DataError(f"{path} holds a {type(content).__name__}, not a dictionary from image id to tags.")
    return content


def read_class_list(path: Path) -> dict[str, tuple[int, ...]]:
    """id -> 0-based class numbers of an ``id + classes`` list."""
    entries = read_list(path)
    if entries[0].classes is None:
        raise DataError(f"{path} is an image list without tags; every line needs an id and 0-based class numbers.")
    return {entry.id: entry.classes or () for entry in entries}


def unknown_class(image_id: str, what: str, path: Path, classes: Sequence[str]) -> DataError:
    return DataError(
        f"{path}: image {quoted_start(image_id)} has the unknown class {what}. Known classes: {name_classes(classes)}. "
        "Correct the tag, or add the class to the class list."
    )
