"""The background threshold from tags alone over a list: found, printed and written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.cam.files import Cams
from common.data.images import read_image
from common.data.layout import DatasetLayout
from common.errors import DataError, InputFailed
from common.files import write_json
from common.metrics.folder import sum_over_images
from common.metrics.sweep import checked_thresholds
from common.pseudo_labels.labels import strongest_class
from common.pseudo_labels.tag_threshold import TagThreshold, best_split, explained_shares
from common.records import read_record

ReadCams = Callable[[str], Cams]


def tag_threshold_file(folder: Path, colours: bool) -> Path:
    """Where the threshold of a run lies: label maps before and after a CRF have one each."""
    return folder / f"threshold_from_tags{'' if colours else '_scores_alone'}.json"


def read_tag_threshold(file: Path) -> TagThreshold:
    """What :func:`write_tag_threshold` wrote.

    Raises:
        DataError: the file is damaged.
    """
    shape = {"thresholds": "list[float]", "of_scores": "list[float]", "of_colours": "list[float]", "best": "share"}
    record = read_record(file, shape, "delete it and run the stage that looks for the threshold again")
    return TagThreshold(record["thresholds"], record["of_scores"], record["of_colours"], record["best"])


def write_tag_threshold(
    file: Path, layout: DatasetLayout, split: str, read_maps: ReadCams, thresholds: Sequence[float], colours: bool
) -> None:
    """Find the threshold by :mod:`common.pseudo_labels.tag_threshold`, one image at a time; no mask is opened.

    Args:
        file: ``thresholds``, ``of_scores`` and ``of_colours`` (explained shares) of each, the ``best``, ``n_images``.
        split: the list.
        read_maps: ``id -> maps`` of image size.
        thresholds: those that are tried, ascending.
        colours: whether the photographs' colours count besides the class scores.

    Raises:
        DataError: maps are missing or damaged (the message names the image), or no threshold splits any of them.
    """
    edges = checked_thresholds(thresholds)

    def shares(image_id: str) -> npt.NDArray[np.int64]:
        cams = read_maps(image_id)
        if not len(cams.keys):
            return np.zeros(2 * len(edges) + 1, np.int64)
        strongest, _ = strongest_class(cams.maps, cams.keys)
        try:
            return explained_shares(strongest, read_image(layout.image_path(image_id), layout.upright), edges)
        except InputFailed:
            raise
        except DataError as error:
            raise DataError(f"image {image_id}: {error}") from error

    total, left_out = sum_over_images(shares, layout.ids(split))
    found = best_split(total, edges, colours)
    record: dict[str, Any] = {"thresholds": found.tried, "of_scores": found.of_scores, "of_colours": found.of_colours}
    record |= {"best": found.best, "n_images": int(total[-1]), "colours": colours}
    write_json(file, record | ({"left_out": list(left_out)} if left_out else {}))
    print(f"background threshold {found.best:.2f}: from the maps and photographs of {total[-1]} images, without masks")
    if found.best in (found.tried[0], found.tried[-1]):
        print(f"note: {found.best:.2f} is the end of the thresholds tried; look at the label maps before you use them")
