"""Where a classifier saw the classes of an image, in the maps of any method."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.cam.files import read_cams
from common.method.maps import Maps, TagsAlone
from common.method.method import Method
from common.paths import path_of_id

Heat = npt.NDArray[np.float32]


def strongest_maps(method: Method, settings: Any) -> Callable[[str], Heat | None]:
    """``id -> the strongest class of every position`` (float32 h x w, 0..1, each class relative to its maximum); None without maps.

    The maps are those behind the label maps; of labels that start from other label maps alone, the last maps that the method makes.
    """
    source = method.labels.maps
    if isinstance(source, TagsAlone):
        made = [stage for stage in method.of_kind(Maps) if stage.in_chain(settings)]
        if not made:
            return lambda image_id: None
        source = made[-1]
    folder, suffix, any_sign = Path(source.folder(settings)), source.suffix, source.any_sign

    def read(image_id: str) -> Heat | None:
        file = path_of_id(folder, image_id, suffix)
        return strongest_class(read_cams(file, any_sign).maps) if file.is_file() else None

    return read


def strongest_class(maps: npt.NDArray[np.floating]) -> Heat | None:
    """The greatest of maps K x h x w of any sign, each divided by its maximum; None of no maps.

    A class whose map is nowhere positive counts as 0 everywhere.
    """
    if not len(maps):
        return None
    positive = np.clip(maps, 0, None).astype(np.float32)
    largest = positive.max((1, 2), keepdims=True)
    shares: Heat = np.divide(positive, largest, out=np.zeros_like(positive), where=largest > 0)
    return np.asarray(shares.max(0), np.float32)
