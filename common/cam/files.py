"""Files that hold the class activation maps of one image.

Written: the shared ``.npz`` with ``keys`` (int64, K, 0-based class numbers) and ``maps`` (float16, K x H x W, 0..1, image
size). Read besides, all ``.npy`` dictionaries: IRN's (``keys``, ``high_res``), PSA's (class -> map) and the one that random
walks with a background read (``keys``: 0, then class + 1; ``hr_cam``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common.data.plain_values import NO_ARRAY, as_array, brief
from common.data.restricted_pickle import load_npy
from common.data.value_ranges import require_unit_range
from common.errors import DataError
from common.failures import missing_file
from common.files import read_npz, write_npy, write_npz
from common.paths import path_of_id

REDO = "delete it and run the CAM stage again"
NORMALISE = "Divide every map by its maximum (negative parts set to 0), or delete the file and run the CAM stage again."


class Cams(NamedTuple):
    """Maps of the classes present in one image.

    Attributes:
        keys: int64, K: 0-based class numbers without background.
        maps: float32, K x H x W, 0..1.
    """

    keys: np.ndarray
    maps: np.ndarray


def write_cams(path: Path, cams: Cams, precision: type[np.floating] = np.float16) -> None:
    """Write the shared ``.npz``; half precision resolves 1/2048 in 0..1, far below any threshold in use."""
    write_npz(path, keys=cams.keys.astype(np.int64), maps=cams.maps.astype(precision))


def write_dictionary(path: Path, content: Mapping[Any, Any]) -> None:
    """A dictionary of arrays as ``.npy``, the form in which the field's programs exchange maps."""
    write_npy(path, np.array(dict(content), dtype=object))


def read_cams(path: Path, any_sign: bool = False) -> Cams:
    """Read any of the forms above.

    Args:
        path: the file.
        any_sign: its maps are scores of any sign, not 0..1 (SGAN).

    Raises:
        DataError: missing, unreadable, refused by the restricted reader, of another form, or with values outside 0..1.
    """
    if not path.exists():
        raise missing_file(path, f"no CAM file {path}; run the CAM stage first")
    if path.suffix == ".npz":
        return read_shared_form(path, any_sign)
    content = load_npy(path)
    if not isinstance(content, dict):
        raise DataError(f"{path} holds no dictionary of CAMs but {type(content).__name__}; {REDO}")
    if not content:
        raise DataError(f"{path} holds no map, so the size of its image is unknown; take the image out of the list")
    if "keys" in content and "high_res" in content:
        return checked(content["keys"], content["high_res"], path, any_sign)
    if "keys" in content and "hr_cam" in content:
        labels = as_array(content["keys"], "the keys", path)
        if labels.ndim != 1 or labels.size == 0 or labels[0] != 0:
            raise DataError(f"{path}: keys {brief(labels)} do not begin with the background, 0; {REDO}")
        return checked(labels[1:] - 1, content["hr_cam"], path, any_sign)
    return checked(list(content), list(content.values()), path, any_sign)


def find_cams(folder: Path, image_id: str) -> Path:
    """The file of an image's maps, whichever form it has.

    Raises:
        DataError: there is none.
    """
    paths = [path_of_id(folder, image_id, suffix) for suffix in (".npy", ".npz")]
    for path in paths:
        if path.is_file():
            return path
    raise missing_file(paths[0], f"no CAM file of {image_id!r} in {folder}; run the CAM stage first")


def read_shared_form(path: Path, any_sign: bool) -> Cams:
    """Read the ``.npz`` of :func:`write_cams`; see :func:`read_cams`."""
    try:
        arrays = read_npz(path)
    except DataError as error:
        raise DataError(f"cannot read the CAM file {str(error).removeprefix('cannot read ')}; {REDO}") from error
    if not {"keys", "maps"} <= arrays.keys():
        raise DataError(f"{path}: expected the arrays keys and maps, found {', '.join(arrays) or 'none'}; {REDO}")
    return checked(arrays["keys"], arrays["maps"], path, any_sign)


def checked(keys: Any, maps: Any, path: Path, any_sign: bool) -> Cams:
    """The values as :class:`Cams`, ordered by class, or a :class:`DataError` when they do not fit each other."""
    try:
        numbers, stored = np.asarray(keys), np.asarray(maps)
        if not any_sign:
            require_unit_range(stored, path, "class activation maps", NORMALISE)
        values = np.asarray(stored, np.float32)
    except NO_ARRAY as error:
        raise DataError(f"{path} holds maps of different sizes or no numbers ({brief(str(error))}); {REDO}") from error
    if numbers.size and (numbers.dtype.kind not in "iu" or numbers.min() < 0):
        raise DataError(f"{path} has keys {brief(numbers)}; expected 0-based class numbers; {REDO}")
    if values.ndim != 3 or numbers.shape != values.shape[:1] or len(np.unique(numbers)) != len(numbers):
        raise DataError(
            f"{path} does not hold K maps (height x width) of K different classes: keys {numbers.shape}, maps "
            f"{values.shape}; {REDO}"
        )
    order = np.argsort(numbers)
    return Cams(numbers.astype(np.int64)[order], values[order])
