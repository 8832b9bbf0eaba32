"""Where each kind of dataset keeps its parts. Alternatives are tried in the order given, the first that exists is used.

``common.data.check`` prints which alternative was found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from common.data.classes import COCO_CLASSES, VOC_CLASSES

DatasetName = Literal["voc12", "vocaug", "coco14", "folder", "toy"]
DATASET_NAMES: tuple[DatasetName, ...] = get_args(DatasetName)

CLASSES_FILE = "classes.txt"
IMAGE_SETS = "ImageSets"

# L2G: Sal; EPS and SMAF: SALImages; DRS: saliency_map; I2CRC: saliency_aug; your own folder: saliency.
SALIENCY_FOLDERS = ("Sal", "SALImages", "saliency_map", "saliency_aug", "saliency")
# SGAN: a folder with one folder per saliency network, of which the configuration names one.
SALIENCY_SETS = "sal"


@dataclass(frozen=True)
class Preset:
    """The places of one kind of dataset, relative to its root.

    Args:
        images: folders of the images.
        masks: folders of the label maps.
        list_folders: folders of the lists, and of tags beside them (EPS, SMAF: metadata); "." is the root.
        list_names: list file names without extension, by split.
        classes: the class names, or None where the dataset brings its own ``classes.txt``.
    """

    images: tuple[str, ...]
    masks: tuple[str, ...]
    list_folders: tuple[str, ...]
    list_names: dict[str, tuple[str, ...]]
    classes: tuple[str, ...] | None = None

    def list_candidates(self, split: str) -> list[str]:
        """List files of ``split`` in the order they are tried; a split without an entry is its own file name."""
        names = self.list_names.get(split, (split,))
        return [f"{folder}/{name}.txt" for name in names for folder in self.list_folders]


PRESETS: dict[DatasetName, Preset] = {
    "voc12": Preset(
        images=("JPEGImages",),
        masks=("SegmentationClass",),
        list_folders=("ImageSets/Segmentation", "ImageSets/SegmentationAug", "metadata/voc12", "."),
        list_names={"train": ("train", "train_id"), "val": ("val", "val_id")},
        classes=VOC_CLASSES,
    ),
    "vocaug": Preset(
        images=("JPEGImages",),
        masks=("SegmentationClassAug",),
        list_folders=("ImageSets/SegmentationAug", "ImageSets/Segmentation", "metadata/voc12", "."),
        list_names={
            "train": ("train_aug", "trainaug", "train_aug_id", "train_cls"),
            "val": ("val", "val_id", "val_cls"),
        },
        classes=VOC_CLASSES,
    ),
    "coco14": Preset(
        images=("JPEGImages",),
        masks=("SegmentationClass",),
        list_folders=("ImageSets/Segmentation", IMAGE_SETS, "metadata/coco", "."),
        list_names={"train": ("train", "train_cls", "train_id"), "val": ("val", "val_cls", "val_id")},
        classes=COCO_CLASSES,
    ),
    "folder": Preset(
        images=("images", "JPEGImages"),
        masks=("masks", "SegmentationClass"),
        list_folders=(".", "lists", "ImageSets/Segmentation"),
        list_names={},
    ),
    "toy": Preset(
        images=("JPEGImages",),
        masks=("SegmentationClass",),
        list_folders=("ImageSets/Segmentation",),
        list_names={},
    ),
}
