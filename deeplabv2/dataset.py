"""The dataset of a configuration: its lists, its masks or the label maps in their place, the names of its labels."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch.utils.data import default_collate

from common.bounds import bounded
from common.data.classes import read_class_names
from common.data.dataset import ListedImages, Part
from common.data.layout import DataConfig, DatasetLayout, open_layout
from common.data.mask_sets import readable_masks, require_a_class, without_a_class
from common.data.palette import IGNORE_LABEL
from common.data.presets import CLASSES_FILE, PRESETS
from common.data.sampling import Sample
from common.data.textfile import read_lines
from common.errors import ConfigError, DataError
from common.failures import STAGE_FILE
from common.metrics.selection import BACKGROUND
from common.paths import path_of_id

# Known by name only: their label 0 is a class.
COCO_STUFF = ("cocostuff10k", "cocostuff164k")
DatasetKey = Literal["voc12", "vocaug", "coco14", "folder", "toy", "cocostuff10k", "cocostuff164k"]


@dataclass
class DatasetConfig(DataConfig):
    """Images, masks and lists, as in common.data.layout.DataConfig, and what a segmentation network needs beside them.

    Args:
        dataset: voc12, vocaug, coco14, folder or toy. The networks of cocostuff10k and cocostuff164k can predict, not train.
        root: the dataset's folder, or the folder that holds VOC2012.
        train_list: list to train on: a name in the lists folder or a file.
        val_list: list to test on.
        test_list: list that submit packs.
        label_names: file of label names for pictures, a number, a tab and names separated by commas per line; empty for the
            names that the dataset has.
        ignore_label: label that takes no part.
    """

    dataset: DatasetKey = "vocaug"  # type: ignore[assignment]
    root: str = "data/datasets/voc12"
    train_list: str = "train_aug"
    val_list: str = "val"
    test_list: str = "test"
    label_names: str = ""
    ignore_label: int = bounded(IGNORE_LABEL, least=0, most=255)


def data_config(config: DatasetConfig) -> DataConfig:
    """The dataset as the common readers take it."""
    if config.dataset in COCO_STUFF:
        raise ConfigError(
            f"data.dataset {config.dataset}: COCO-Stuff's own files are not read here; bring it into VOC layout and use "
            "folder with a classes.txt"
        )
    inner = Path(config.root) / "VOC2012"
    return replace(config, root=str(inner)) if inner.is_dir() else config


def open_segmentation_data(config: DatasetConfig, n_labels: int) -> DatasetLayout:
    """Find the dataset's parts."""
    layout = open_layout(data_config(config))
    if layout.n_classes + 1 != n_labels:
        raise ConfigError(
            f"network.n_labels is {n_labels} but {layout.name} has {layout.n_classes} classes and background: "
            f"set {layout.n_classes + 1}"
        )
    return layout


def label_file(folder: Path, image_id: str) -> Path:
    return path_of_id(folder, image_id, ".png")


class TrainingImages(ListedImages):
    """Listed images with masks of labels 0..n_labels - 1 and ``ignore_label``; another value is a :class:`DataError` on reading.

    Masks that all hold background and ``ignore_label`` alone are a :class:`DataError` at construction; where a stage of the
    toolbox made them, that is said on stderr.

    Args:
        label_dir: folder of the masks; empty for the dataset's own.
        unlabelled: other values that stand for no label, as the number of labels in SGAN's seeds; ``ignore_label`` takes
            their place.
    """

    def __init__(
        self,
        layout: DatasetLayout,
        label_dir: str,
        n_labels: int,
        ignore_label: int = IGNORE_LABEL,
        unlabelled: Collection[int] = (),
        with_tags: bool = False,
    ) -> None:
        if label_dir and not Path(label_dir).is_dir():
            raise DataError(f"label_dir {label_dir} is not a folder; make the label maps first, or correct --label-dir")
        parts: set[Part] = {"mask", "tags"} if with_tags else {"mask"}
        masks = partial(label_file, Path(label_dir)) if label_dir else None
        super().__init__(layout, layout.ids("train"), parts, masks)
        self.n_labels, self.ignore_label, self.unlabelled = n_labels, ignore_label, list(unlabelled)
        labels = map(self.without_unlabelled, readable_masks(self.ids, self.mask_path))
        if label_dir and (Path(label_dir) / STAGE_FILE).is_file():
            # A stage wrote these: weak maps may really show no class, and nothing is stored in another way.
            if reason := without_a_class(labels, n_labels, ignore_label):
                print(f"{label_dir}: {reason}. They teach background alone.", file=sys.stderr)
        else:
            require_a_class(labels, n_labels, label_dir or str(layout.masks), ignore_label)

    def without_unlabelled(self, mask: np.ndarray) -> np.ndarray:
        """A mask uint8 H x W with ``ignore_label`` in place of what else stands for no label."""
        return np.where(np.isin(mask, self.unlabelled), np.uint8(self.ignore_label), mask) if self.unlabelled else mask

    def read(self, image_id: str) -> Sample:
        """``image`` uint8 H x W x 3, ``mask`` uint8 H x W, ``tags`` where they were asked for."""
        sample = super().read(image_id)
        mask = self.without_unlabelled(sample["mask"])
        wrong = (mask >= self.n_labels) & (mask != self.ignore_label)
        if wrong.any():
            none = " or ".join(map(str, [*self.unlabelled, self.ignore_label]))
            raise DataError(
                f"{self.mask_path(image_id)} has the value {mask[wrong][0]}; labels are 0..{self.n_labels - 1}, and {none} for unlabelled"
            )
        return {**sample, "mask": mask}


def stack_samples(samples: list[Sample], ignore_label: int) -> dict[str, Any]:
    """A batch; says on stderr when not one of its pixels has a label."""
    batch: dict[str, Any] = default_collate(samples)
    if bool((batch["mask"] == ignore_label).all()):
        print(
            f"every pixel of the batch {', '.join(batch['id'])} is ignored: it teaches nothing. Look at these masks.",
            file=sys.stderr,
        )
    return batch


def label_names(config: DatasetConfig, n_labels: int) -> list[str]:
    """One name per label, background first: from data.label_names, else those of the dataset; ``label 7`` where there is none."""
    names = [f"label {label}" for label in range(n_labels)]
    if config.dataset not in COCO_STUFF:
        names[0] = BACKGROUND
    if config.label_names:
        for label, name in read_label_file(Path(config.label_names)).items():
            if label < n_labels:
                names[label] = name
        return names
    if config.dataset in COCO_STUFF:
        return names
    # A dataset that brings its own names may not be there to be asked.
    data = data_config(config)
    file = Path(data.root) / CLASSES_FILE
    classes = PRESETS[data.dataset].classes or (read_class_names(file) if file.is_file() else ())
    return [BACKGROUND, *classes] if len(classes) + 1 == n_labels else names


def read_label_file(path: Path) -> dict[int, str]:
    """Label number -> first name, of lines ``number<tab>name[, other name ...]`` (deeplabv2 spec, section 6)."""
    names = {}
    for number, line in read_lines(path):
        label, _, text = line.partition("\t")
        if not label.strip().isdecimal() or not text.strip():
            raise DataError(
                f"{path} line {number}: {line!r} is not a number, a tab and a name; correct data.label_names"
            )
        names[int(label)] = text.split(",")[0].strip()
    return names
