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
    """Raise :class:`DataError` where :func:`without_a_class` says so; ``where`` is what the masks are called."""
    reason = without_a_class(masks, n_labels, ignore_label)
    if reason:
        raise DataError(
            f"{where}: {reason}. Masks of 0 and {ignore_label} keep their object as {ignore_label}: write its class number "
            "(1, 2, ...) instead."
        )


def without_a_class(masks: Iterable[LabelValues], n_labels: int, ignore_label: int = IGNORE_LABEL) -> str:
    """What is wrong where masks hold background and ignored pixels, and no class at all; "" otherwise.

    So do binary masks that store their object as 255: everything that matters would be ignored, and predicting
    background everywhere would be perfect. Masks of background alone are allowed: a list may hold such images only.
    Looks at masks until one shows a class, so that usually one is read.

    Args:
        masks: integers H x W each: 0 background, 1..n_labels-1, or ``ignore_label``.
        n_labels: number of labels with the background.
    """
    n_masks, has_background, has_ignored = 0, False, False
    for mask in masks:
        if ((mask > 0) & (mask < n_labels) & (mask != ignore_label)).any():
            return ""
        n_masks += 1
        has_background = has_background or bool((mask == 0).any())
        has_ignored = has_ignored or bool((mask == ignore_label).any())
    if not (has_background and has_ignored):
        return ""
    return (
        f"not one of {n_masks} masks shows a class; they hold 0 and {ignore_label} only, and {ignore_label} is ignored"
    )


def readable_masks(ids: Sequence[str], path_of: Callable[[str], Path]) -> Iterator[npt.NDArray[np.uint8]]:
    """The masks of a list, uint8 H x W each, one at a time; what is missing or broken is left to those who need it."""
    for image_id in ids:
        with suppress(DataError):
            yield read_label_map(path_of(image_id))
