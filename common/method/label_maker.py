"""What a label stage does for one image: read the maps and what else the rule looks at, and apply the rule."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from common.cam.files import Cams, read_cams
from common.data.images import read_image, read_label_map
from common.data.layout import DatasetLayout
from common.data.value_ranges import require_labels
from common.paths import path_of_id
from common.pseudo_labels.labels import LabelMap
from common.pseudo_labels.rule import Evidence, LabelRule

Need = Literal["image", "saliency"]


class LabelSource(Protocol):
    """A stage whose label maps another label rule starts from: other labels, or predictions of a segmentation network."""

    @property
    def name(self) -> str: ...

    def label_folder(self, settings: Any) -> Path:
        """Where its ``<id>.png`` lie."""
        ...

    def made(self, settings: Any) -> dict[str, Any]:
        """The record of those that are there; ``steps``, where it has them, are optimiser steps by network."""
        ...


class LabelMaker:
    """``id -> label map`` uint8 H x W, in worker processes: reads what the rule needs, and applies it."""

    def __init__(
        self,
        layout: DatasetLayout,
        read_maps: Callable[[str], Cams],
        rule: LabelRule,
        needs: Collection[Need],
        label_folders: Sequence[Path] = (),
    ) -> None:
        self.layout, self.read_maps, self.rule, self.needs = layout, read_maps, rule, frozenset(needs)
        self.label_folders = label_folders

    def __call__(self, image_id: str) -> LabelMap:
        return self.rule(self.evidence(image_id, self.read_maps(image_id)))

    def evidence(self, image_id: str, cams: Cams) -> Evidence:
        layout = self.layout
        # Before the image: where a stage has not made them because it cannot be read, they say so.
        labels = tuple(self.labels(path_of_id(folder, image_id, ".png")) for folder in self.label_folders)
        image = read_image(layout.image_path(image_id), layout.upright) if "image" in self.needs else None
        saliency = layout.read_saliency(image_id) if "saliency" in self.needs else None
        return Evidence(image_id, cams, image, saliency, labels)

    def labels(self, path: Path) -> LabelMap:
        """A label map of an earlier stage, uint8 H x W, of the dataset's labels."""
        label_map = read_label_map(path)
        require_labels(label_map, path, self.layout.n_classes + 1)
        return label_map


class ReadMaps:
    """``id -> maps`` from the files of a stage (picklable); see :func:`common.cam.files.read_cams` for ``any_sign``."""

    def __init__(
        self, folder: Path, suffix: str, values: Callable[[Cams], Cams] | None, any_sign: bool = False
    ) -> None:
        self.folder, self.suffix, self.values, self.any_sign = folder, suffix, values, any_sign

    def __call__(self, image_id: str) -> Cams:
        cams = read_cams(path_of_id(self.folder, image_id, self.suffix), self.any_sign)
        return cams if self.values is None else self.values(cams)


class ReadTags:
    """``id -> tagged classes`` without maps (picklable).

    Args:
        tags: id -> float32 [C] of 0 and 1.
    """

    def __init__(self, tags: Mapping[str, np.ndarray]) -> None:
        self.tags = tags

    def __call__(self, image_id: str) -> Cams:
        keys = np.flatnonzero(self.tags[image_id])
        return Cams(keys, np.zeros((len(keys), 0, 0), np.float32))
