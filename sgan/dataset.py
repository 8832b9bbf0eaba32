"""What SGAN reads of a dataset: initial seeds or true masks for the training, the network's input for its maps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from common.data.dataset import ListedImages, require_same_size
from common.data.layout import DatasetLayout
from common.data.lists import read_list
from common.data.sampling import Sample
from common.errors import DataError
from common.failures import missing_file
from common.paths import path_of_id
from sgan.labels import LABELS_ENDING
from sgan.sample import SganInput
from sgan.settings import SemiConfig


def initial_seed_folder(root: str | Path, name: str) -> Path:
    """``root/ini_seed/name`` as published; a name with slashes is a path of its own."""
    return Path(root, "ini_seed", name) if Path(name).name == name else Path(name)


def seed_file(folder: Path, layout: DatasetLayout, masked: frozenset[str], image_id: str) -> Path:
    """The file that supervises the seed branch: the initial seed, or the true mask of an image of ``masked``."""
    if image_id in masked:
        return layout.mask_path(image_id)
    path = path_of_id(folder, image_id, ".png")
    if not path.is_file():
        # The record of what failed lies beside the label maps that belong to the seeds.
        labels = folder.with_name(folder.name + LABELS_ENDING)
        raise missing_file(
            path_of_id(labels, image_id, ".png"),
            f"{image_id!r} has no initial seed {path}; make them for the whole list, or correct seed_subdir",
        )
    return path


def masked_ids(semi: SemiConfig, layout: DatasetLayout) -> frozenset[str]:
    """The ids whose masks are used; empty in weakly supervised mode.

    A share takes evenly spaced images of the sorted ids, so that a larger share (1/4) holds a smaller one (1/8).

    Raises:
        DataError: the list is not there, or names images that are not in the training list.
    """
    if not semi.list and not semi.share:
        return frozenset()
    training = sorted(layout.ids("train"))
    file = Path(semi.list)
    of_list = [entry.id for entry in read_list(file)] if file.is_file() else layout.ids(semi.list or "train")
    ids = sorted(of_list)
    foreign = [image_id for image_id in ids if image_id not in set(training)]
    if foreign:
        raise DataError(f"semi.list names {len(foreign)} images that are not trained on, e.g. {foreign[0]}; correct it")
    return frozenset(ids[:: round(1 / semi.share)] if semi.share else ids)


def map_loader(images: ListedImages, convert: SganInput) -> Callable[[str], Sample]:
    """``id -> the network's input for the maps`` in worker processes, see :func:`map_input`."""
    if convert.use_saliency:
        # Found out once, and not by every worker.
        _ = images.layout.saliency_top
    return partial(map_input, images, convert)


def map_input(images: ListedImages, convert: SganInput, image_id: str) -> Sample:
    """The network's input for the maps of an image, and ``keys`` (int64, numbers of its tagged classes)."""
    # Before the image: where a stage has not made it because it cannot be read, it says so.
    saliency = images.layout.read_saliency(image_id) if convert.use_saliency else None
    raw = images.read(image_id)
    if saliency is not None:
        raw["saliency"] = saliency
        require_same_size(raw, images.layout.image_path(image_id), images.layout.upright)
    return {**convert.convert(raw), "keys": np.flatnonzero(raw["tags"])}
