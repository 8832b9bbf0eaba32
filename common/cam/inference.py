"""Multi-scale CAMs with horizontal flips, batched over images of one size.

Per image: class maps at every scale, for the image and its mirror image, negative parts removed, summed at image size, and
each tagged class divided by its maximum (as IRN does; untagged classes are left out). An image without tags has no map.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, cast

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from common.bounds import require_bounds
from common.cam.files import Cams
from common.cores import map_on_cores
from common.data.sampling import Sample
from common.data.transforms import ToTensors
from common.engine.precision import autocast
from common.engine.settings import PassConfig
from common.errors import NonFiniteError
from common.memory import MemoryLimit, cam_bytes
from common.models.fold import fold_batchnorm
from common.models.winograd import use_winograd

# Pixels of one pass through the network. On the CPU what lies in the cache counts, on a GPU that it has enough to do and
# the memory suffices (8 million pixels take about 3 GB in a ResNet-50).
PASS_PIXELS_CPU = 400_000
PASS_PIXELS_GPU = 8_000_000

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


@dataclass
class CamConfig(PassConfig):
    """How CAMs are computed.

    Args:
        precision: fp32, or bf16 autocast: faster, with maps that differ by a hundredth or so.
    """

    flip: bool = True
    batch_size: int = 16
    precision: Literal["fp32", "bf16"] = "fp32"

    def __post_init__(self) -> None:
        require_bounds(self, "cam")


class ReadableImages(Protocol):
    """Where samples with ``image`` (uint8, H x W x 3) and ``tags`` (C) come from, e.g. ``ListedImages`` with tags."""

    def read(self, image_id: str) -> Sample: ...


class PyramidLoader:
    """``id -> sample`` with the normalised image at every scale; runs in worker processes.

    The sample holds ``keys`` (int64, tagged classes), ``size`` (height, width) and ``pyramid`` (list of float32 3 x h x w).

    Args:
        to_tensors: normalises; by default with ImageNet's colours.
        limit: an image that needs more memory than this is a :class:`common.errors.DataError` that says what to set.
    """

    def __init__(
        self,
        images: ReadableImages,
        config: CamConfig,
        to_tensors: ToTensors | None = None,
        limit: MemoryLimit | None = None,
    ) -> None:
        self.images, self.config, self.limit = images, config, limit or MemoryLimit()
        self.to_tensors = to_tensors or ToTensors()

    def __call__(self, image_id: str) -> Sample:
        sample = self.images.read(image_id)
        height, width = sample["image"].shape[:2]
        base = self.config.long_side / max(height, width) if self.config.long_side else 1.0
        self.require_memory(image_id, (height, width), base, int(sample["tags"].sum()))
        pyramid = [self.scaled(sample["image"], base * scale) for scale in self.config.scales]
        return {"keys": np.flatnonzero(sample["tags"]), "size": (height, width), "pyramid": pyramid}

    def require_memory(self, image_id: str, size: tuple[int, int], base: float, n_maps: int) -> None:
        """Raise :class:`DataError` where the maps of an image (height, width), seen at ``base`` times its size, do not fit."""
        scales = [base * scale for scale in self.config.scales]
        network, maps = cam_bytes(size, scales, self.config.flip, n_maps, self.limit.passes_at_a_time)
        what = (
            f"{image_id}: class maps of {size[1]}x{size[0]} pixels at scales up to {max(scales):.3g} times their size"
        )
        self.limit.require(
            network,
            maps,
            what,
            lambda share: f"set cam.long_side (now {self.config.long_side}) to {share * base * max(size):.0f} or less",
        )

    def scaled(self, image: np.ndarray, factor: float) -> torch.Tensor:
        """uint8 H x W x 3 to float32 3 x h x w: resized with Pillow's antialiased bicubic filter, normalised."""
        height, width = (max(1, round(side * factor)) for side in image.shape[:2])
        if factor != 1:
            image = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
        tensor: torch.Tensor = self.to_tensors.image(image)
        return tensor


class ClassMapNetwork(Protocol):
    """A network that maps images N x 3 x H x W to class maps N x C x h x w."""

    def class_maps(self, images: torch.Tensor) -> torch.Tensor:
        """Raw class maps N x C x h x w, any sign, of normalised images N x 3 x H x W."""


class Pass(NamedTuple):
    """What goes through the network together: some images of one size at one scale, as they are or mirrored."""

    level: int
    members: list[int]
    mirrored: bool


class CamInference:
    """``[sample of PyramidLoader] -> [Cams]``.

    Args:
        network: a module with ``class_maps`` (see :class:`ClassMapNetwork`). A copy in eval mode is made that computes
            the same faster: BatchNorm folded, channels-last, on the CPU with Winograd's convolution.
        config: scales, flip, precision.
        device: where to compute.
    """

    def __init__(self, network: nn.Module, config: CamConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        on_cpu = device.type == "cpu"
        network = fold_batchnorm(network)
        if on_cpu and config.precision == "fp32":
            network = use_winograd(network)
        self.network = network.to(device).to(memory_format=torch.channels_last)
        self.pass_pixels = PASS_PIXELS_CPU if on_cpu else PASS_PIXELS_GPU

    def __call__(self, samples: Sequence[Sample]) -> list[Any]:
        """The CAMs of the samples; images of equal size pass the network together.

        Raises:
            NonFiniteError: the network gives NaN or infinite values.
        """
        passes = self.plan([[level.shape for level in sample["pyramid"]] for sample in samples])

        def run(one: Pass) -> list[torch.Tensor]:
            images = torch.stack([samples[member]["pyramid"][one.level] for member in one.members])
            maps = self.pass_maps(images.to(self.device), one.mirrored)
            return [self.selected(maps[row], samples[member]["keys"]) for row, member in enumerate(one.members)]

        maps_of: list[list[torch.Tensor]] = [[] for _ in samples]
        for one, results in zip(passes, self.each(run, passes), strict=True):
            for member, maps in zip(one.members, results, strict=True):
                maps_of[member].append(maps)

        return self.each(lambda member: self.fused(samples[member], maps_of[member]), range(len(samples)))

    def selected(self, maps: torch.Tensor, keys: np.ndarray) -> torch.Tensor:
        """What is kept of one image's maps C x h x w of any sign: those of its classes, unless a subclass keeps more."""
        return tagged(maps, keys)

    def fused(self, sample: Sample, maps: Sequence[torch.Tensor]) -> Any:
        """What is made of one image's maps, float32 K x h x w of each pass; a subclass may make something else of them."""
        return Cams(sample["keys"], normalised_sum(maps, sample["size"]))

    def plan(self, shapes: Sequence[Sequence[torch.Size]]) -> list[Pass]:
        """The passes for images with the levels ``shapes[image][level]`` (3 x h x w), the longest first."""
        groups: dict[tuple[int, torch.Size], list[int]] = defaultdict(list)
        for member, levels in enumerate(shapes):
            for level, shape in enumerate(levels):
                groups[level, shape].append(member)
        directions = (False, True) if self.config.flip else (False,)
        passes = []
        for (level, shape), members in sorted(groups.items(), key=lambda group: -group[0][1].numel()):
            count = max(1, self.pass_pixels // (shape[1] * shape[2]))
            chunks = [members[start : start + count] for start in range(0, len(members), count)]
            passes += [Pass(level, chunk, mirrored) for chunk in chunks for mirrored in directions]
        return passes

    @torch.inference_mode()
    def pass_maps(self, images: torch.Tensor, mirrored: bool) -> torch.Tensor:
        """The class maps kept (float32 N x C x h x w) of images or their mirror images, in the images' own orientation."""
        images = (images.flip(3) if mirrored else images).contiguous(memory_format=torch.channels_last)
        with autocast(self.config.precision, self.device):
            maps = self.kept(cast(ClassMapNetwork, self.network).class_maps(images).float())
        return maps.flip(3) if mirrored else maps

    def kept(self, maps: torch.Tensor) -> torch.Tensor:
        """What is kept of raw maps N x C x h x w of any sign: their positive part, unless a subclass keeps more."""
        return maps.relu()

    def each(self, function: Callable[[Item], Outcome], items: Sequence[Item]) -> list[Outcome]:
        """``function`` of every item, in their order."""
        if self.device.type == "cpu":
            return map_on_cores(function, items)
        return [function(item) for item in items]


def tagged(maps: torch.Tensor, keys: np.ndarray) -> torch.Tensor:
    """The maps K x h x w of the classes ``keys`` (int64, K), of one image's maps float32 C x h x w."""
    return maps[torch.as_tensor(keys, device=maps.device)]


@torch.inference_mode()
def normalised_sum(maps: Sequence[torch.Tensor], size: tuple[int, int]) -> np.ndarray:
    """Sum at ``size`` of maps K x h x w of several sizes, each class divided by its maximum.

    Returns:
        float32 K x H x W in 0..1; a class without a positive value stays 0.

    Raises:
        NonFiniteError: a map holds NaN or infinite values.
    """
    return divided_by_maximum(finite_sum([resize_maps(one, size) for one in maps]), 1e-5)


def finite_sum(maps: Sequence[torch.Tensor]) -> torch.Tensor:
    """Sum of maps K x h x w of one size, any sign.

    Raises:
        NonFiniteError: it holds NaN or infinite values.
    """
    total = torch.stack(list(maps)).sum(0)
    if not torch.isfinite(total).all():
        raise NonFiniteError("the class maps hold NaN or infinite values; check the training, or use precision fp32")
    return total


def divided_by_maximum(maps: torch.Tensor, epsilon: float) -> np.ndarray:
    """Every map of K x h x w, at least 0, divided by its maximum (plus ``epsilon``): float32, 0..1. K may be 0."""
    maximum = maps.flatten(1).amax(1) if len(maps) else maps.new_zeros(0)
    divided: np.ndarray = (maps / (maximum[:, None, None] + epsilon)).cpu().numpy()
    return divided


def resize_maps(maps: torch.Tensor, size: tuple[int, int], mode: str = "bilinear") -> torch.Tensor:
    """K x h x w of any sign at ``size`` = (height, width), without aligned corners; K may be 0."""
    if not len(maps):
        return maps.new_zeros((0, *size))
    return functional.interpolate(maps[None], size, mode=mode, align_corners=False)[0]
