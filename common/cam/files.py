"""Files that hold the class activation maps of one image.

Written: the shared ``.npz`` with ``keys`` (int64, K, 0-based class numbers) and ``maps`` (float16, K x H x W, 0..1, image
size). Read besides: IRN's ``.npy`` dictionary (``keys``, ``high_res``) and PSA's ``.npy`` dictionary (class -> map).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.data.restricted_pickle import load_npy
from common.errors import DataError
from common.files import write_npz


class Cams(NamedTuple):
    """Maps of the classes present in one image.

    Attributes:
        keys: int64, K: 0-based class numbers without background.
        maps: float32, K x H x W, 0..1.
    """

    keys: np.ndarray
    maps: np.ndarray


def write_cams(path: Path, cams: Cams) -> None:
    """Write the shared ``.npz``; half precision resolves 1/2048, far below any threshold in use."""
    write_npz(path, keys=cams.keys.astype(np.int64), maps=cams.maps.astype(np.float16))


def read_cams(path: Path) -> Cams:
    """Read any of the forms above.

    Raises:
        DataError: missing, unreadable, refused by the restricted reader, or of another form.
    """
    if not path.exists():
        raise DataError(f"no CAM file {path}; run the CAM stage first")
    try:
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                return checked(arrays["keys"], arrays["maps"], path)
        content = load_npy(path)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"cannot read the CAM file {path}: {error}; delete it and run the CAM stage again") from error
    content = content.item() if isinstance(content, np.ndarray) and content.shape == () else content
    if not isinstance(content, dict):
        raise DataError(f"{path} holds no dictionary of CAMs")
    if "keys" in content and "high_res" in content:
        return checked(np.asarray(content["keys"]), np.asarray(content["high_res"]), path)
    keys = sorted(content)
    maps = np.stack([np.asarray(content[key]) for key in keys]) if keys else np.zeros((0, 1, 1), np.float32)
    return checked(np.asarray(keys, np.int64), maps, path)


def checked(keys: np.ndarray, maps: np.ndarray, path: Path) -> Cams:
    """The arrays as :class:`Cams`, or a :class:`DataError` when they do not fit each other or are not finite."""
    maps = np.asarray(maps, np.float32)
    if maps.ndim != 3 or len(keys) != len(maps) or not np.isfinite(maps).all():
        raise DataError(
            f"{path} does not hold finite maps K x H x W with K keys (maps {maps.shape}, keys {keys.shape}); delete it and run the CAM stage again"
        )
    return Cams(np.asarray(keys, np.int64), maps)
