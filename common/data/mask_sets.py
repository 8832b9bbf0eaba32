"""Masks as a set: whether any of them shows a class, or whether their objects are stored as the ignore label."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from common.data.images import read_label_map
from common.data.palette import IGNORE_LABEL
from common.errors import DataError

LabelValues = npt.NDArray[np.integer]


def require_a_class(masks: Iterable[LabelValues], n_labels: int, where: str, ignore_label: int = IGNORE_LABEL) -> None:
    """Raise :class:`DataError` where masks hold the background and ignored pixels, and no class at all.

    So do binary masks that store their object as 255: everything that matters would be ignored, and predicting
    background everywhere would be perfect. Masks of background alone are allowed: a list may hold such images only.
    Looks at masks until one shows a class, so that usually one is read.

    Args:
        masks: integers H x W each: 0 background, 1..n_labels-1, or ``ignore_label``.
        n_labels: number of labels with the background.
        where: what the masks are called in the message.
    """
    n_masks = n_ignored = 0
    for mask in masks:
        if ((mask > 0) & (mask < n_labels) & (mask != ignore_label)).any():
            return
        n_masks += 1
        n_ignored += bool((mask == ignore_label).any())
    if n_ignored:
        raise DataError(
            f"{where}: not one of {n_masks} masks shows a class; they hold 0 and {ignore_label} only, and {ignore_label} is "
            "ignored. Masks of 0 and 255 keep their object as 255: write its class number (1, 2, ...) instead."
        )


def readable_masks(ids: Sequence[str], path_of: Callable[[str], Path]) -> Iterator[npt.NDArray[np.uint8]]:
    """The masks of a list, uint8 H x W each, one at a time; what is missing or broken is left to those who need it."""
    for image_id in ids:
        with suppress(DataError):
            yield read_label_map(path_of(image_id))
