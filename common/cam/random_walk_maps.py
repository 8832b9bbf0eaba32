"""Maps from which a random walk starts: at a quarter of the image's size and at its own, in the file form of AffinityNet's programs.

(l2g_cda spec, section 6; sod_wsss spec, section 6.3.)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from common.cam.files import NORMALISE, write_dictionary
from common.cam.inference import CamInference, divided_by_maximum, finite_sum, resize_maps
from common.data.plain_values import NO_ARRAY, brief
from common.data.restricted_pickle import load_npy
from common.data.sampling import Sample
from common.data.value_ranges import require_unit_range
from common.errors import DataError
from common.pseudo_labels.background import Floats


class RandomWalkMaps(NamedTuple):
    """Attributes: keys: 0-based classes, K; quarter: K x ceil(H / 4) x ceil(W / 4); full: K x H x W; both float32, 0..1."""

    keys: npt.NDArray[np.int64]
    quarter: Floats
    full: Floats


class RandomWalkMapInference(CamInference):
    """``[sample of PyramidLoader] -> [RandomWalkMaps]``."""

    def fused(self, sample: Sample, maps: Sequence[torch.Tensor]) -> RandomWalkMaps:
        return RandomWalkMaps(sample["keys"], *fuse_random_walk(maps, sample["size"]))


def summed_by_size(maps: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The sums of maps K x h x w, any sign, of equal size: an image's and its mirror's, to be enlarged together."""
    sums: dict[torch.Size, torch.Tensor] = {}
    for one in maps:
        sums[one.shape] = sums[one.shape] + one if one.shape in sums else one
    return list(sums.values())


@torch.inference_mode()
def fuse_random_walk(maps: Sequence[torch.Tensor], size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Sums of positive maps K x h x w (bilinear) at a quarter of the image's size and at its own, divided by the maximum.

    The full size is reached through the next multiples of 16, cut to the image. Both results are in 0..1.
    """
    (height, width), sums = size, summed_by_size(maps)
    padded = ((height - 1) // 16 * 16 + 16, (width - 1) // 16 * 16 + 16)
    small = finite_sum([resize_maps(one, quarter_size(height, width)) for one in sums])
    full = finite_sum([resize_maps(one, padded)[:, :height, :width] for one in sums])
    return divided_by_maximum(small, 1e-5), divided_by_maximum(full, 1e-5)


def quarter_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) of the maps in which the random walk takes place."""
    return (height - 1) // 4 + 1, (width - 1) // 4 + 1


def write_affinity(path: Path, maps: RandomWalkMaps) -> None:
    """AffinityNet's dictionary: ``keys`` begin with the background, 0."""
    keys = np.concatenate([[0], maps.keys + 1]).astype(np.int64)
    write_dictionary(path, {"keys": keys, "cam": maps.quarter, "hr_cam": maps.full})


def read_affinity(path: Path) -> RandomWalkMaps:
    """Read what :func:`write_affinity` or the field's programs have written.

    Raises:
        DataError: missing, unreadable, of another form, or with values outside 0..1.
    """
    content = load_npy(path)
    try:
        keys, quarter, full = (np.asarray(content[name]) for name in ("keys", "cam", "hr_cam"))
    except (*NO_ARRAY, KeyError, IndexError) as error:
        raise DataError(f"{path} does not hold keys, cam and hr_cam; make the maps again") from error
    numbers = keys.dtype.kind in "iu" and all(maps.dtype.kind in "fiu" and maps.ndim == 3 for maps in (quarter, full))
    fits = numbers and keys.ndim == 1 and len(keys) == len(quarter) + 1 == len(full) + 1 and keys[0] == 0
    if not fits or quarter.shape[1:] != quarter_size(*full.shape[1:]):
        raise DataError(
            f"{path}: keys {brief(keys)}, cam {quarter.shape}, hr_cam {full.shape} do not fit each other; make the maps again"
        )
    for maps in (quarter, full):
        require_unit_range(maps, path, "class activation maps", NORMALISE)
    return RandomWalkMaps(keys[1:].astype(np.int64) - 1, quarter.astype(np.float32), full.astype(np.float32))
