"""Training, test and demo items (deeplabv2 spec, sections 4.2, 4.3 and 6)."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import default_collate

from common.data.dataset import ListedImages, Part
from common.data.layout import DatasetLayout
from common.data.palette import IGNORE_LABEL
from common.data.sampling import Sample, SeededDataset, Transform
from common.data.transforms import Compose, PadToSize, RandomCrop, RandomFlip, RandomScale, ResizeLongSide
from common.errors import DataError
from deeplabv2.inputs import InputConvention, InputTensors
from deeplabv2.networks.build import input_convention
from deeplabv2.settings import DeepLabConfig


class LabelFolder:
    """``id -> path`` in a folder of training masks (picklable)."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise DataError(f"DATASET.LABEL_DIR {folder} is not a folder; make the pseudo labels first")

    def __call__(self, image_id: str) -> Path:
        return self.folder / f"{image_id}.png"


class CheckedMasks(ListedImages):
    """Listed images whose mask values are checked against the number of labels.

    Raises:
        DataError: on reading a mask with a value that is neither a label nor the ignore label.
    """

    n_labels = 0
    ignore_label = IGNORE_LABEL

    def read(self, image_id: str) -> Sample:
        sample = super().read(image_id)
        mask = sample["mask"]
        wrong = mask[(mask >= self.n_labels) & (mask != self.ignore_label)]
        if wrong.size:
            raise DataError(
                f"{self.mask_path(image_id)} has the value {wrong[0]}; labels are 0..{self.n_labels - 1} and {self.ignore_label} (ignore)"
            )
        return sample


def as_float(sample: Sample, rng: random.Random) -> Sample:
    """The image as float32, so that resizing does not round to whole grey levels."""
    return {**sample, "image": sample["image"].astype(np.float32)}


def training_transform(
    convention: InputConvention,
    scales: Sequence[float],
    crop_size: int,
    base_size: int | None = None,
    ignore_label: int = IGNORE_LABEL,
) -> Transform:
    """Scale, pad, crop, flip, normalise; draws choice(scales), randint of top and of left, random, in this order.

    Args:
        convention: the network's input.
        base_size: longer side to which images are brought first; None keeps their size.
    """
    as_published: list[Transform] = [as_float] if convention.resize_in_float else []
    base: list[Transform] = [ResizeLongSide(base_size)] if base_size else []
    return Compose(
        [
            *as_published,
            *base,
            RandomScale(scales),
            PadToSize(crop_size, convention.fill, ignore_label),
            RandomCrop(crop_size),
            RandomFlip(),
            InputTensors(convention),
        ]
    )


def training_data(config: DeepLabConfig, layout: DatasetLayout) -> SeededDataset:
    """The items of a training; masks from LABEL_DIR where it is set, tags where the loss needs them."""
    dataset, size = config.DATASET, config.IMAGE.SIZE
    masks = LabelFolder(dataset.LABEL_DIR) if dataset.LABEL_DIR else None
    parts: set[Part] = {"mask", "tags"} if config.SOLVER.LOSS == "self_training" else {"mask"}
    images = CheckedMasks(layout, layout.ids("train"), parts, mask_path=masks)
    images.n_labels, images.ignore_label = dataset.N_CLASSES, dataset.IGNORE_LABEL
    transform = training_transform(
        input_convention(config), dataset.SCALES, size.TRAIN, size.BASE, dataset.IGNORE_LABEL
    )
    return SeededDataset(images, transform, config.RUN.SEED)


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


def demo_item(image: np.ndarray, convention: InputConvention, long_side: int = 513) -> tuple[torch.Tensor, np.ndarray]:
    """An image as the demo shows it to the network: its longer side brought to ``long_side``.

    Args:
        image: uint8 RGB, H x W x 3.

    Returns:
        The network's input, float32 3 x h x w, and the resized image, uint8 RGB h x w x 3, which a CRF takes.
    """
    scale = long_side / max(image.shape[:2])
    resized = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    return convention.image(resized), resized
