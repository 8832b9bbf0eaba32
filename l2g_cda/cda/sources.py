"""Where the objects of a bank come from: labels or CAMs, and a saliency map of each object."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from common.cam.files import Cams
from common.data.images import read_image, read_label_map, read_saliency
from common.data.layout import DatasetLayout
from common.errors import ConfigError, DataError
from common.files import resolve_inside
from common.pseudo_labels.background import constant
from common.pseudo_labels.labels import LabelMap, pseudo_label
from l2g_cda.cda.objects import Bytes, Foreground
from l2g_cda.cda.placement import SALIENT
from l2g_cda.cda.selection import Selection, cut_object, select_object
from l2g_cda.labels.random_walk_files import read_random_walk


@dataclass(frozen=True)
class BankSources:
    """What a bank is made from, and which images may give an object.

    Args:
        labels: folder of label maps ``<id>.png``; "" to take the labels from the CAMs.
        cams: folder of CAM files (``.npy`` or ``.npz``).
        threshold: background score that makes labels of CAMs.
        saliency: the object's own saliency is cut from the dataset's maps, is 255 on its label, or is its CAM times 255.
        least_share, largest_share: how much of the image the object may cover.
        least_salient: share of the object with saliency > 200 that it needs, as only that part is ever pasted; the
            published rule asks for nothing.

    Raises:
        ConfigError: there is no source, or the saliency is to come from CAMs without a folder of them.
    """

    labels: str = ""
    cams: str = ""
    threshold: float = 0.35
    saliency: Literal["maps", "labels", "cams"] = "maps"
    least_share: float = 0.1
    largest_share: float = 0.7
    least_salient: float = 0.0

    def __post_init__(self) -> None:
        if not (self.labels or self.cams):
            raise ConfigError("say what to cut objects from: --labels FOLDER (label maps) or --cams FOLDER (CAM files)")
        if self.saliency == "cams" and not self.cams:
            raise ConfigError("--saliency cams takes the objects' saliency from CAM files: give --cams FOLDER")
        if not 0 <= self.least_share <= self.largest_share <= 1:
            raise ConfigError(
                f"an object must cover between {self.least_share} and {self.largest_share} of its image; give shares in 0..1"
            )
        for folder in filter(None, (self.labels, self.cams)):
            if not Path(folder).is_dir():
                raise DataError(f"folder {folder} does not exist; make the labels or CAMs first")


class ObjectReader:
    """``id -> object`` of the images that have one (picklable)."""

    def __init__(self, layout: DatasetLayout, sources: BankSources) -> None:
        self.layout, self.sources = layout, sources

    def select(self, image_id: str) -> Selection | None:
        """The object of an image, if it is fit for the bank."""
        sources = self.sources
        label_map = self.label_map(image_id)
        selection = select_object(label_map, sources.least_share, sources.largest_share)
        if selection is None or sources.least_salient == 0:
            return selection
        object_pixels = label_map == selection.number + 1
        salient = (self.saliency(image_id, label_map, selection.number) > SALIENT)[object_pixels]
        return selection if salient.mean() >= sources.least_salient else None

    def __call__(self, image_id: str) -> Foreground:
        label_map = self.label_map(image_id)
        selection = select_object(label_map, self.sources.least_share, self.sources.largest_share)
        if selection is None:
            raise DataError(f"{image_id}: its labels changed while the bank was made; run the command again")
        image = read_image(self.layout.image_path(image_id))
        return cut_object(selection, image, label_map, self.saliency(image_id, label_map, selection.number))

    def label_map(self, image_id: str) -> LabelMap:
        """uint8 H x W: read, or made of the CAMs."""
        if self.sources.labels:
            label_map = read_label_map(resolve_inside(Path(self.sources.labels), f"{image_id}.png"))
            wrong = label_map[(label_map > self.layout.n_classes) & (label_map != 255)]
            if wrong.size:
                raise DataError(
                    f"the label map of {image_id} has label {wrong[0]}; the dataset has {self.layout.n_classes}"
                )
            return label_map
        keys, maps = self.read_cams(image_id)
        return pseudo_label(maps, keys, constant(self.sources.threshold, maps.shape[1:]))

    def saliency(self, image_id: str, label_map: LabelMap, number: int) -> Bytes:
        """uint8 H x W."""
        if self.sources.saliency == "maps":
            return read_saliency(self.layout.saliency_path(image_id))
        if self.sources.saliency == "labels":
            return np.where(label_map == number + 1, np.uint8(255), np.uint8(0))
        keys, maps = self.read_cams(image_id)
        found = np.flatnonzero(keys == number)
        if not found.size:
            raise DataError(
                f"{image_id} shows class {number}, of which its CAM file has no map; compute the CAMs again"
            )
        return np.rint(255 * np.clip(maps[found[0]], 0, 1)).astype(np.uint8)

    def read_cams(self, image_id: str) -> Cams:
        return read_random_walk(Path(self.sources.cams), image_id)
