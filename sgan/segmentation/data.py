"""Training samples of the segmentation stage: image, seeds and the small photograph of the CRF (sgan spec, section 4.4)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from common.data.dataset import ListedImages, Part
from common.data.layout import DatasetLayout
from common.data.palette import IGNORE_LABEL
from common.data.sampling import Sample, SeededDataset, Transform
from common.data.transforms import Compose, RandomCrop, RandomFlip
from common.errors import ConfigError, DataError
from sgan.segmentation.colour import ColourDistortion
from sgan.segmentation.network import OUTPUT_STRIDE
from sgan.segmentation.pixels import ROUND_MEAN, TRAINING_MEAN, caffe_tensor
from sgan.segmentation.resize import resize_aligned


def crf_photograph(network_input: Tensor, cells: int) -> Tensor:
    """What the CRF layer sees: the network's input at the size of the logits, mean added back, uint8 h x w x 3, BGR.

    Args:
        network_input: float32 3 x H x W, BGR minus mean.
        cells: h = w.
    """
    reduced = resize_aligned(network_input[None].double(), (cells, cells))[0]
    colours = reduced + torch.tensor(ROUND_MEAN, dtype=reduced.dtype)[:, None, None]
    return colours.round().clamp(0, 255).byte().permute(1, 2, 0).contiguous()


class Warp:
    """Bring image and mask to ``size`` x ``size`` without keeping the aspect ratio: OpenCV's bilinear and nearest."""

    def __init__(self, size: int) -> None:
        self.size = (size, size)

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        image = cv2.resize(sample["image"], self.size, interpolation=cv2.INTER_LINEAR)
        return {
            **sample,
            "image": image,
            "mask": cv2.resize(sample["mask"], self.size, interpolation=cv2.INTER_NEAREST),
        }


class SeedTensors:
    """The last transform: ``image`` (network input), ``seed`` (int64, one label per cell) and ``photograph`` of the CRF.

    The label of a cell is that of its centre: ``mask[::8, ::8]``.
    """

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        image = caffe_tensor(sample["image"], TRAINING_MEAN)
        seed = torch.from_numpy(sample["mask"][::OUTPUT_STRIDE, ::OUTPUT_STRIDE].astype(np.int64))
        tensors = {"id": sample["id"], "image": image, "seed": seed, "photograph": crf_photograph(image, len(seed))}
        return {**tensors, "tags": torch.from_numpy(sample["tags"])} if "tags" in sample else tensors


class SeedFolder:
    """``id -> path`` in a folder of label maps (picklable)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not folder.is_dir():
            raise DataError(f"there is no folder of seeds {folder}; make the seeds first, or correct label_dir")

    def __call__(self, image_id: str) -> Path:
        return self.folder / f"{image_id}.png"


class SeedImages(ListedImages):
    """Listed images with seeds from a folder; in ``mask`` the value ``n_labels`` stands for unlabelled.

    A seed file holds labels 0..n_labels - 1, and ``n_labels`` (21 for VOC, as SGAN writes it) or 255 where there is none.

    Raises:
        DataError: on reading a seed file with another value.
    """

    def __init__(self, layout: DatasetLayout, ids: Sequence[str], folder: Path, with_tags: bool) -> None:
        parts: set[Part] = {"mask", "tags"} if with_tags else {"mask"}
        super().__init__(layout, ids, parts, mask_path=SeedFolder(folder))
        self.n_labels = layout.n_classes + 1

    def read(self, image_id: str) -> Sample:
        sample = super().read(image_id)
        mask = np.where(sample["mask"] == IGNORE_LABEL, np.uint8(self.n_labels), sample["mask"])
        if mask.max() > self.n_labels:
            raise DataError(
                f"{self.mask_path(image_id)} has the value {mask.max()}; labels are 0..{self.n_labels - 1}, and "
                f"{self.n_labels} or {IGNORE_LABEL} for unlabelled"
            )
        return {**sample, "mask": mask}


def training_transform(resize: int, crop: int, distort: bool) -> Transform:
    """Warp, distort the colours, cut a square, mirror.

    Raises:
        ConfigError: the square is larger than the image, or its side is not a multiple of 8 plus 1: the logits then lie
            on other pixels than the seeds.
    """
    if crop > resize or crop % OUTPUT_STRIDE != 1:
        raise ConfigError(
            f"augmentation.crop_size is {crop} with resize {resize}; give 8 k + 1 (as 321), not above resize"
        )
    colour: list[Transform] = [ColourDistortion()] if distort else []
    return Compose([Warp(resize), *colour, RandomCrop(crop), RandomFlip(), SeedTensors()])


def training_data(
    layout: DatasetLayout, ids: Sequence[str], folder: Path, transform: Transform, seed: int, with_tags: bool
) -> SeededDataset:
    """The samples of a training."""
    return SeededDataset(SeedImages(layout, ids, folder, with_tags), transform, seed)
