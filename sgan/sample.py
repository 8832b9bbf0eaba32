"""One image as the network sees it (sgan spec, sections 4.1 and 4.2)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from common.data.palette import IGNORE_LABEL
from common.data.sampling import Sample
from common.data.zoom import zoom_linear, zoom_nearest
from common.errors import DataError

Pixels = npt.NDArray[np.uint8]


def feature_size(size: int, stride: int = 8) -> int:
    """Side of the maps for images of side ``size``: rounded up (the published rule is wrong for sizes such as 328)."""
    return -(-size // stride)


def salient_positions(saliency: Pixels, size: int, threshold: float) -> Pixels:
    """The salient mask at feature size, uint8 size x size of 0 and 1; its outermost positions are always 0.

    Args:
        saliency: uint8, already at the size of the network's input.
        threshold: a position is salient above this share of 255.
    """
    reduced = zoom_linear(saliency, (size, size))
    salient = np.zeros((size, size), np.uint8)
    salient[1:-1, 1:-1] = reduced[1:-1, 1:-1] / 255 > threshold
    return salient


def seed_positions(seed: Pixels, size: int, n_classes: int) -> npt.NDArray[np.int64]:
    """The seed map at feature size: 0..C-1 for class seeds, C for background and unlabelled positions.

    Args:
        seed: uint8 at the size of the network's input: 0 background, 1..C classes, C + 1 or 255 unlabelled.

    Raises:
        DataError: another value.
    """
    reduced = zoom_nearest(seed, (size, size)).astype(np.int64)
    foreign = (reduced > n_classes + 1) & (reduced != IGNORE_LABEL)
    if foreign.any():
        raise DataError(
            f"holds {reduced[foreign][0]}; seeds are 0..{n_classes}, and {n_classes + 1} or 255 where unknown"
        )
    classes = (reduced >= 1) & (reduced <= n_classes)
    return np.where(classes, reduced - 1, n_classes)


def normalised_colours(image: Pixels, mean: Sequence[float], std: Sequence[float]) -> npt.NDArray[np.float32]:
    """uint8 RGB H x W x 3 to the network's float32 3 x H x W.

    Args:
        mean: without ``std`` subtracted from the channels in BGR order, 0..255; with it in RGB order, 0..1.
        std: RGB, 0..1; empty for the published configuration.
    """
    subtracted = np.asarray(mean, np.float32)
    scaled = (
        (image.astype(np.float32) / 255 - subtracted) / np.asarray(std, np.float32)
        if std
        else (image[:, :, ::-1].astype(np.float32) - subtracted)
    )
    return np.ascontiguousarray(scaled.transpose(2, 0, 1), np.float32)


@dataclass(frozen=True)
class SganInput:
    """``(sample, rng) -> sample`` of training: resized without keeping the aspect ratio, mirrored half of the time.

    Takes ``image`` (uint8, RGB), ``tags`` and, where there are any, ``saliency`` and ``mask`` (the seed). Gives ``image``
    (float32, 3 x S x S), ``salient`` (uint8, f x f), ``seed`` (int64, f x f) and ``tags``.

    Attributes:
        size: S, side of the network's input.
        mean, std: see :func:`normalised_colours`.
        threshold: of the salient mask, in 0..1.
        use_saliency: False calls every position salient, which is plain self-attention.
        stride: S divided by f.
    """

    size: int
    mean: Sequence[float]
    std: Sequence[float]
    threshold: float
    use_saliency: bool = True
    stride: int = 8

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        return self.convert(sample, mirror=rng.random() < 0.5)

    def convert(self, sample: Sample, mirror: bool = False) -> Sample:
        """The sample as the network takes it; nothing here is random."""
        shape, step = (self.size, self.size), -1 if mirror else 1
        side = feature_size(self.size, self.stride)
        converted: Sample = {"id": sample["id"], "tags": torch.from_numpy(np.asarray(sample["tags"], np.float32))}
        image = zoom_linear(sample["image"], shape)[:, ::step]
        converted["image"] = torch.from_numpy(normalised_colours(image, self.mean, self.std))
        salient = np.ones((side, side), np.uint8)
        if self.use_saliency:
            salient = salient_positions(zoom_linear(sample["saliency"], shape)[:, ::step], side, self.threshold)
        converted["salient"] = torch.from_numpy(salient)
        if "mask" in sample:
            seed = zoom_nearest(sample["mask"], shape)[:, ::step]
            try:
                converted["seed"] = torch.from_numpy(seed_positions(seed, side, len(sample["tags"])))
            except DataError as error:
                raise DataError(f"the seed of {sample['id']} {error}") from error
        return converted


def repeated(ids: Sequence[str], at_least: int) -> list[str]:
    """The whole list as often as it takes to reach ``at_least``, as the published loader has it; once for 0.

    Shuffling then runs over all repetitions together: an image may come twice before another one comes at all.
    """
    return list(ids) * max(1, -(-at_least // len(ids)))
