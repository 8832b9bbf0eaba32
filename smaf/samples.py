"""What the networks see of an image in training: resized by its longer side, cut, with saliency or fused maps cut alike.

(smaf spec, section 4.) Images smaller than the square are placed at random in a square of the mean colour.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from common.cam.files import Cams, find_cams, read_cams
from common.data.colours import Jitter, jitter_colours
from common.data.dataset import ListedImages
from common.data.sampling import Sample
from common.data.transforms import ToTensors
from common.data.windows import cut, draw_window, long_side_size, resized_bicubic
from common.errors import DataError

# The loss of the self-training is computed at this share of the square's side.
ATTENTION_SHARE = 0.25


class EpsInput:
    """``(sample, rng) -> sample`` of the CAM baseline and of EPS.

    From ``id``, ``image`` (uint8, H x W x 3), ``tags`` (float32, C) and, where it is there, ``saliency`` (uint8, H x W) to
    ``id``, ``tags``, ``image`` (float32, 3 x S x S, normalised) and ``saliency`` (float32, 1 x S x S, 0..1). Where there is
    ``attention`` (:class:`Cams` of the file, at the size of the image), it becomes float32 C x S/4 x S/4 in 0..1.

    Draws, in this order: the longer side, the mirror image, the square, the colours (none where the strengths are 0).

    Args:
        crop_size: side of the square, S.
        long_sides: least and greatest longer side, both included.
        jitter: strength of brightness, contrast, saturation and hue changes.
    """

    def __init__(self, crop_size: int, long_sides: Sequence[int], jitter: Jitter) -> None:
        self.crop_size, self.jitter = crop_size, jitter
        self.shortest, self.longest = long_sides
        self.to_tensors = ToTensors()

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        height, width = sample["image"].shape[:2]
        size = long_side_size(height, width, rng.randint(self.shortest, self.longest))
        mirrored = rng.random() > 0.5
        image = resized_bicubic(sample["image"], size)
        window = draw_window(image.shape[0], image.shape[1], self.crop_size, rng)

        def square(values: Tensor) -> Tensor:
            return cut(values.flip(2) if mirrored else values, window, self.crop_size)

        if any(self.jitter):
            image = jitter_colours(image, self.jitter, rng)
        made: Sample = {"id": sample["id"], "tags": torch.from_numpy(np.array(sample["tags"], np.float32))}
        made["image"] = square(self.to_tensors.image(image))
        if "saliency" in sample:
            saliency = resized_bicubic(sample["saliency"], size).astype(np.float32) / 255
            made["saliency"] = square(torch.from_numpy(saliency)[None])
        if "attention" in sample:
            keys, maps = sample["attention"]
            attention = torch.zeros(len(sample["tags"]), *attention_size(self.crop_size, self.crop_size))
            if len(keys):
                attention[torch.from_numpy(keys)] = reduced(square(at_size(maps, image.shape[:2])))
            made["attention"] = attention
        return made


def at_size(maps: npt.NDArray[np.floating], size: tuple[int, ...]) -> Tensor:
    """Fused maps K x H x W (0..1) at the size of the resized image, float32, bilinear with corners aligned."""
    values = torch.from_numpy(np.ascontiguousarray(maps, np.float32))
    return interpolate(values[None], size[:2], mode="bilinear", align_corners=True)[0]


def attention_size(height: int, width: int) -> tuple[int, int]:
    """Size of the targets for what a network sees at that size."""
    return int(height * ATTENTION_SHARE), int(width * ATTENTION_SHARE)


def reduced(attention: Tensor) -> Tensor:
    """K x H x W in 0..1 at a quarter of the size, rounded down, bilinear with corners aligned."""
    size = attention_size(*attention.shape[1:])
    return interpolate(attention[None], size, mode="bilinear", align_corners=True)[0]


class ImagesWithAttention:
    """Images with tags and the fused maps of their tagged classes, from files of this toolbox or the published ``.npy``.

    Args:
        images: with ``read`` and ``ids``, with tags.
        folder: of the files.
    """

    def __init__(self, images: ListedImages, folder: Path) -> None:
        self.images, self.folder = images, folder
        if not folder.is_dir():
            raise DataError(f"no fused maps: folder {folder} does not exist; run the fusion first, or give --path_soft")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Sample:
        # Before the image: where a stage has not made them because it cannot be read, they say so.
        cams = read_cams(find_cams(self.folder, self.images.ids[index]))
        sample = self.images[index]
        require_fitting(sample, cams)
        return {**sample, "attention": cams}


def require_fitting(sample: Sample, cams: Cams) -> None:
    """Raise :class:`DataError` unless the maps have the size of the image and belong to classes of the dataset."""
    size = sample["image"].shape[:2]
    if cams.maps.shape[1:] != size or (len(cams.keys) and cams.keys.max() >= len(sample["tags"])):
        raise DataError(
            f"{sample['id']}: the fused maps are {cams.maps.shape[1:]} of classes {cams.keys.tolist()}, the image is {size} with "
            f"{len(sample['tags'])} classes; make them for these images"
        )
