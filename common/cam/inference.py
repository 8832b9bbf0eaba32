"""Multi-scale CAMs with horizontal flips, batched over images of one size.

Per image: class maps at every scale, for the image and its mirror image, negative parts removed, summed at image size, and
each tagged class divided by its maximum (as IRN does; untagged classes are left out).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from common.cam.files import Cams
from common.data.dataset import ListedImages
from common.data.sampling import Sample
from common.data.transforms import ToTensors
from common.engine.inference import same_size_groups
from common.engine.precision import autocast
from common.errors import ConfigError


@dataclass
class CamConfig:
    """How CAMs are computed.

    Args:
        long_side: longer side of the image at scale 1, in pixels; 0 keeps the image's own size.
        scales: factors of that size.
        flip: average with the mirror image.
        batch_size: images loaded for one call; those of equal size pass the network together.
        precision: fp32 or bf16.
    """

    long_side: int = 0
    scales: list[float] = field(default_factory=lambda: [1.0])
    flip: bool = True
    batch_size: int = 16
    precision: str = "fp32"

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) <= 0:
            raise ConfigError("cam.scales needs at least one positive factor")


class ClassMapNetwork(Protocol):
    """A network that maps images N x 3 x H x W to class maps N x C x h x w."""

    def class_maps(self, images: torch.Tensor) -> torch.Tensor: ...


class PyramidLoader:
    """``id -> sample`` with the normalised image at every scale; runs in worker processes.

    The sample holds ``keys`` (int64, tagged classes), ``size`` (height, width) and ``pyramid`` (list of float32 3 x h x w).
    """

    def __init__(self, images: ListedImages, config: CamConfig) -> None:
        self.images, self.config = images, config
        self.to_tensors = ToTensors()

    def __call__(self, image_id: str) -> Sample:
        sample = self.images.read(image_id)
        height, width = sample["image"].shape[:2]
        base = self.config.long_side / max(height, width) if self.config.long_side else 1.0
        pyramid = [self.scaled(sample["image"], base * scale) for scale in self.config.scales]
        return {"keys": np.flatnonzero(sample["tags"]), "size": (height, width), "pyramid": pyramid}

    def scaled(self, image: np.ndarray, factor: float) -> torch.Tensor:
        """The normalised image (3 x h x w), resized with Pillow's antialiased bicubic filter."""
        height, width = (max(1, round(side * factor)) for side in image.shape[:2])
        if factor != 1:
            image = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
        tensor: torch.Tensor = self.to_tensors.image(image)
        return tensor


class CamInference:
    """``[sample of PyramidLoader] -> [Cams]``."""

    def __init__(self, network: ClassMapNetwork, config: CamConfig, device: torch.device) -> None:
        self.network, self.config, self.device = network, config, device

    def __call__(self, samples: Sequence[Sample]) -> list[Cams]:
        return same_size_groups(samples, self.same_size)

    @torch.inference_mode()
    def same_size(self, samples: list[Sample]) -> list[Cams]:
        """CAMs of images that share their size: one pass per scale for all of them and their mirror images."""
        sums: list[torch.Tensor | float] = [0.0] * len(samples)
        for level in range(len(self.config.scales)):
            images = torch.stack([sample["pyramid"][level] for sample in samples]).to(self.device)
            maps = self.rectified_maps(images.contiguous(memory_format=torch.channels_last))
            for position, sample in enumerate(samples):
                tagged = maps[position, torch.as_tensor(sample["keys"], device=maps.device)]
                sums[position] = sums[position] + resize_maps(tagged, sample["size"])
        return [Cams(sample["keys"], divide_by_maximum(total)) for sample, total in zip(samples, sums)]

    def rectified_maps(self, images: torch.Tensor) -> torch.Tensor:
        """ReLU of the class maps, N x C x h x w, summed with those of the mirror images."""
        batch = torch.cat([images, images.flip(3)]) if self.config.flip else images
        with autocast(self.config.precision, self.device):
            maps = self.network.class_maps(batch).float().relu()
        if not self.config.flip:
            return maps
        straight, mirrored = maps.chunk(2)
        return straight + mirrored.flip(3)


def resize_maps(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bilinear (align_corners False) resize of K x h x w; K may be 0."""
    if not len(maps):
        return maps.new_zeros((0, *size))
    return functional.interpolate(maps[None], size, mode="bilinear", align_corners=False)[0]


def divide_by_maximum(maps: torch.Tensor | float) -> np.ndarray:
    """Each map divided by its maximum (a map without a positive value stays 0), float32 K x H x W in 0..1."""
    assert isinstance(maps, torch.Tensor)
    maximum = maps.flatten(1).amax(1) if len(maps) else maps.new_zeros(0)
    normalised: np.ndarray = (maps / (maximum[:, None, None] + 1e-5)).cpu().numpy()
    return normalised
