"""The dataset of a configuration: its lists, its masks or the label maps in their place, the names of its labels."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch.utils.data import default_collate

from common.data.classes import read_class_names
from common.data.dataset import ListedImages, Part
from common.data.layout import DataConfig, DatasetLayout, open_layout
from common.data.palette import IGNORE_LABEL
from common.data.presets import CLASSES_FILE, PRESETS
from common.data.sampling import Sample
from common.data.textfile import read_lines
from common.errors import ConfigError, DataError
from common.metrics.selection import BACKGROUND

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
    ignore_label: int = IGNORE_LABEL


def data_config(config: DatasetConfig) -> DataConfig:
    """The dataset as the common readers take it.

    Raises:
        ConfigError: the dataset's own format cannot be read.
    """
    if config.dataset in COCO_STUFF:
        raise ConfigError(
            f"data.dataset {config.dataset}: COCO-Stuff's own files are not read here; bring it into VOC layout and use "
            "folder with a classes.txt"
        )
    inner = Path(config.root) / "VOC2012"
    return replace(config, root=str(inner)) if inner.is_dir() else config


def open_dataset(config: DatasetConfig, n_labels: int) -> DatasetLayout:
    """Find the dataset's parts.

    Raises:
        ConfigError: it has another number of classes than the network has labels.
        DataError: it is not there.
    """
    layout = open_layout(data_config(config))
    if layout.n_classes + 1 != n_labels:
        raise ConfigError(
            f"network.n_labels is {n_labels} but {layout.name} has {layout.n_classes} classes and background: "
            f"set {layout.n_classes + 1}"
        )
    return layout


class LabelFolder:
    """``id -> path`` in a folder of training masks (picklable)."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise DataError(f"label_dir {folder} is not a folder; make the label maps first, or correct --label-dir")

    def __call__(self, image_id: str) -> Path:
        return self.folder / f"{image_id}.png"


class TrainingImages(ListedImages):
    """Listed images with masks of labels 0..n_labels - 1 and ``ignore_label``.

    Args:
        label_dir: folder of the masks; empty for the dataset's own.
        unlabelled: other values that stand for no label, as the number of labels in SGAN's seeds; ``ignore_label`` takes
            their place.

    Raises:
        DataError: on reading a mask with another value.
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
        parts: set[Part] = {"mask", "tags"} if with_tags else {"mask"}
        super().__init__(layout, layout.ids("train"), parts, mask_path=LabelFolder(label_dir) if label_dir else None)
        self.n_labels, self.ignore_label, self.unlabelled = n_labels, ignore_label, list(unlabelled)

    def read(self, image_id: str) -> Sample:
        """``image`` uint8 H x W x 3, ``mask`` uint8 H x W, ``tags`` where they were asked for."""
        sample = super().read(image_id)
        mask = sample["mask"]
        if self.unlabelled:
            mask = np.where(np.isin(mask, self.unlabelled), np.uint8(self.ignore_label), mask)
        wrong = mask[(mask >= self.n_labels) & (mask != self.ignore_label)]
        if wrong.size:
            none = " or ".join(map(str, [*self.unlabelled, self.ignore_label]))
            raise DataError(
                f"{self.mask_path(image_id)} has the value {wrong[0]}; labels are 0..{self.n_labels - 1}, and {none} for unlabelled"
            )
        return {**sample, "mask": mask}


class TrainingCollate:
    """Stacks samples to a batch, and says on stderr when not one of its pixels has a label (picklable)."""

    def __init__(self, ignore_label: int) -> None:
        self.ignore_label = ignore_label

    def __call__(self, samples: list[Sample]) -> dict[str, Any]:
        batch: dict[str, Any] = default_collate(samples)
        if bool((batch["mask"] == self.ignore_label).all()):
            print(
                f"every pixel of the batch {', '.join(batch['id'])} is ignored: it teaches nothing. Look at these masks.",
                file=sys.stderr,
            )
        return batch


def label_names(config: DatasetConfig, n_labels: int) -> list[str]:
    """One name per label, background first: from data.label_names, else those of the dataset; ``label 7`` where there is none.

    Raises:
        DataError: data.label_names does not exist or is no label file.
    """
    names = [f"label {label}" for label in range(n_labels)]
    if config.dataset not in COCO_STUFF:
        names[0] = BACKGROUND
    if config.label_names:
        for label, name in read_label_file(Path(config.label_names)).items():
            if label < n_labels:
                names[label] = name
        return names
    classes = () if config.dataset in COCO_STUFF else class_names(data_config(config))
    return [BACKGROUND, *classes] if len(classes) + 1 == n_labels else names


def class_names(config: DataConfig) -> Sequence[str]:
    """The class names of the dataset, empty if it is not there to be asked."""
    known, file = PRESETS[config.dataset].classes, Path(config.root) / CLASSES_FILE
    return known or (read_class_names(file) if file.is_file() else ())


def read_label_file(path: Path) -> dict[int, str]:
    """Label number -> first name, of lines ``number<tab>name[, other name ...]`` (deeplabv2 spec, section 6).

    Raises:
        DataError: the file is missing, or a line is of another form.
    """
    names = {}
    for number, line in read_lines(path):
        label, _, text = line.partition("\t")
        if not label.strip().isdecimal() or not text.strip():
            raise DataError(
                f"{path} line {number}: {line!r} is not a number, a tab and a name; correct data.label_names"
            )
        names[int(label)] = text.split(",")[0].strip()
    return names
