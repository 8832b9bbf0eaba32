"""One cut-out object and its file."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.data.restricted_pickle import load_npy
from common.errors import DataError
from common.files import write_npz

Bytes = npt.NDArray[np.uint8]

REDO = "delete it and make the bank again"


@dataclass(frozen=True)
class Foreground:
    """A tight cut around one object.

    Attributes:
        image: uint8 RGB, h x w x 3.
        seg: uint8, h x w: class number + 1 on the object, else 0.
        saliency: uint8, h x w, 0..255; None in a bank made without (CDA's own).
    """

    image: Bytes
    seg: Bytes
    saliency: Bytes | None


def write_foreground(path: Path, foreground: Foreground) -> None:
    """Write ``.npz`` with ``img``, ``seg`` and, where there is one, ``sal``: the published names, without a pickle."""
    arrays = {"img": foreground.image, "seg": foreground.seg}
    if foreground.saliency is not None:
        arrays["sal"] = foreground.saliency
    write_npz(path, **arrays)


def read_foreground(path: Path) -> Foreground:
    """Read ``.npz``, or the published pickled dictionary.

    Raises:
        DataError: the file is missing or broken, or its arrays do not fit each other.
    """
    content = read_npz_arrays(path) if path.suffix == ".npz" else load_npy(path)
    if not isinstance(content, dict) or not {"img", "seg"} <= set(content):
        raise DataError(f"{path} holds no object (img, seg and sal); {REDO}")
    image, seg = as_bytes(content["img"], path), as_bytes(content["seg"], path)
    saliency = as_bytes(content["sal"], path) if "sal" in content else None
    sizes_fit = image.shape == (*seg.shape, 3) and (saliency is None or saliency.shape == seg.shape)
    if seg.ndim != 2 or not sizes_fit or not seg.any():
        raise DataError(f"{path}: its image, label and saliency do not show one object at one size; {REDO}")
    return Foreground(image, seg, saliency)


def read_npz_arrays(path: Path) -> dict[str, Any]:
    """The arrays of a ``.npz``."""
    try:
        with np.load(path) as arrays:
            return dict(arrays)
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist, but the index of the bank names it; make the bank again") from error
    # A damaged archive raises whatever its damaged part leads to.
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"cannot read the object {path}: {' '.join(str(error).split())}; {REDO}") from error


def as_bytes(array: Any, path: Path) -> Bytes:
    """The array as contiguous uint8; labels of other whole-number types are taken when they fit."""
    values = np.asarray(array)
    if values.dtype.kind not in "biu" or (values.size and (values.min() < 0 or values.max() > 255)):
        raise DataError(f"{path} holds {values.dtype} values; objects are 8-bit; {REDO}")
    return np.ascontiguousarray(values, np.uint8)
