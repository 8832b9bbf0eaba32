"""How an image becomes a network's input in training (deeplabv2 spec, section 4.2; sgan spec, section 4.4) and demo.

Three recipes, each with its order of draws: a scale and a padded crop (DeepLab); a square, SSD's colours, a crop (DSRG); a
longer side and a square that may leave the image (DeepLabv3+; sod_wsss spec, section 4.2).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch

from common.data.palette import IGNORE_LABEL
from common.data.sampling import Sample, Transform
from common.data.scaled_crop import RandomScaledCrop
from common.data.transforms import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Compose,
    RandomCrop,
    RandomFlip,
    ToTensors,
)
from common.data.windows import cut, draw_window, long_side_size, resized_bicubic, resized_nearest

RGB_RANGE = 255
BRIGHTNESS = 32.0
CONTRAST = SATURATION = (0.5, 1.5)
HUE = 18.0
GREY_LEVELS = np.arange(256, dtype=np.float64)
Colours = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class InputConvention:
    """Channel order and normalisation that a network's weights expect.

    Attributes:
        order: order of the colour channels.
        mean: subtracted, in the channel order of ``order``, grey levels 0..255.
        std: what the difference is divided by.
        resize_in_float: training images are resized as float32 (published), else as uint8 (less memory, whole levels).
    """

    order: Literal["RGB", "BGR"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    resize_in_float: bool = False

    @property
    def fill(self) -> tuple[float, float, float]:
        """The RGB colour that becomes 0 (on uint8 images: nearly): what images are padded with."""
        colour = self.mean if self.order == "RGB" else self.mean[::-1]
        return colour if self.resize_in_float else tuple(round(channel) for channel in colour)  # type: ignore[return-value]

    @property
    def rounded(self) -> InputConvention:
        """With the mean in whole grey levels, as DSRG's test and its CRF take it (defect 14 of the sgan spec: kept)."""
        first, second, third = (float(round(channel)) for channel in self.mean)
        return replace(self, mean=(first, second, third)) if self.order == "BGR" else self

    def image(self, image: np.ndarray) -> torch.Tensor:
        """RGB image H x W x 3 in 0..255 -> network input, float32 3 x H x W."""
        return InputTensors(self).image(image)

    def colours(self, inputs: torch.Tensor) -> torch.Tensor:
        """Network input N x 3 x h x w -> what it showed, uint8 N x h x w x 3, BGR."""
        std, mean = (torch.tensor(values, dtype=inputs.dtype, device=inputs.device) for values in (self.std, self.mean))
        levels = inputs * std[:, None, None] + mean[:, None, None]
        bgr = levels if self.order == "BGR" else levels.flip(1)
        return bgr.round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous()


def caffe_input(mean_bgr: tuple[float, float, float]) -> InputConvention:
    """BGR minus the mean, as the Caffe networks and I2CRC take it (deeplabv2 spec, section 4.2)."""
    return InputConvention("BGR", mean_bgr, resize_in_float=True)


def imagenet_input() -> InputConvention:
    """RGB, normalised as torchvision's and timm's ImageNet weights expect it."""
    mean, std = ([RGB_RANGE * channel for channel in values] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return InputConvention("RGB", (mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))


class InputTensors(ToTensors):
    """The last transform of a sample: H x W x 3 in 0..255 to float32 3 x H x W in a network's convention."""

    def __init__(self, convention: InputConvention) -> None:
        mean, std = ([channel / RGB_RANGE for channel in values] for values in (convention.mean, convention.std))
        super().__init__(mean, std)
        self.reverses = convention.order == "BGR"

    def image(self, image: np.ndarray) -> torch.Tensor:
        return super().image(image[..., ::-1] if self.reverses else image)


def saturated(levels: npt.NDArray[np.float64]) -> Colours:
    """Levels of any shape, rounded to the nearest (even) integer and clamped to 0..255, as OpenCV's conversions do."""
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def change_levels(values: npt.NDArray[Any], factor: float, offset: float) -> Colours:
    """values (uint8, any shape) x factor + offset, saturated."""
    return saturated(GREY_LEVELS * factor + offset)[values]


def change_hsv(image: Colours, channel: int, factor: float, offset: float) -> Colours:
    """Change hue (0, half degrees) or saturation (1) of uint8 RGB H x W x 3. As published, a hue below 0 becomes 0."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., channel] = change_levels(hsv[..., channel], factor, offset)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)


def brightness(image: Colours, rng: random.Random) -> Colours:
    """uint8 RGB H x W x 3, all levels shifted by a draw from -BRIGHTNESS..BRIGHTNESS."""
    return change_levels(image, 1.0, rng.uniform(-BRIGHTNESS, BRIGHTNESS))


def contrast(image: Colours, rng: random.Random) -> Colours:
    """uint8 RGB H x W x 3, all levels multiplied by a draw from ``CONTRAST``."""
    return change_levels(image, rng.uniform(*CONTRAST), 0.0)


def saturation(image: Colours, rng: random.Random) -> Colours:
    """uint8 RGB H x W x 3, the saturation multiplied by a draw from ``SATURATION``."""
    return change_hsv(image, 1, rng.uniform(*SATURATION), 0.0)


def hue(image: Colours, rng: random.Random) -> Colours:
    """uint8 RGB H x W x 3, the hue shifted by a draw from -HUE..HUE half degrees."""
    return change_hsv(image, 0, 1.0, rng.uniform(-HUE, HUE))


Step = Callable[[Colours, random.Random], Colours]
# One of the two orders, each with probability one half.
ORDERS: tuple[tuple[Step, ...], ...] = (
    (brightness, contrast, saturation, hue),
    (brightness, saturation, hue, contrast),
)


class ColourDistortion:
    """Each step with probability one half; image uint8 RGB, H x W x 3."""

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        image = np.ascontiguousarray(sample["image"])
        for step in rng.choice(ORDERS):
            if rng.random() < 0.5:
                image = step(image, rng)
        return {**sample, "image": image}


class Warp:
    """Bring image and mask to ``size`` x ``size`` without keeping the aspect ratio: OpenCV's bilinear and nearest."""

    def __init__(self, size: int) -> None:
        self.size = (size, size)

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        image = cv2.resize(sample["image"], self.size, interpolation=cv2.INTER_LINEAR)
        mask = cv2.resize(sample["mask"], self.size, interpolation=cv2.INTER_NEAREST)
        return {**sample, "image": image, "mask": mask}


class RandomLongSide:
    """Bring the longer side to a draw from ``long_sides`` (both ends included): image bicubic, mask nearest."""

    def __init__(self, long_sides: Sequence[int]) -> None:
        self.shortest, self.longest = long_sides

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        height, width = sample["image"].shape[:2]
        size = long_side_size(height, width, rng.randint(self.shortest, self.longest))
        image, mask = resized_bicubic(sample["image"], size), resized_nearest(sample["mask"], size)
        return {**sample, "image": image, "mask": mask}


class PlacedCrop:
    """Cut a random square of ``size`` from tensors (image 3 x H x W, normalised; mask H x W), or place what is smaller at random
    in it, on 0 and on ``ignore_label``; the horizontal place is drawn first.
    """

    def __init__(self, size: int, ignore_label: int = IGNORE_LABEL) -> None:
        self.size, self.ignore_label = size, ignore_label

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        height, width = sample["mask"].shape
        window = draw_window(height, width, self.size, rng)
        mask = cut(sample["mask"], window, self.size, self.ignore_label)
        return {**sample, "image": cut(sample["image"], window, self.size), "mask": mask}


def scaled_crop(
    convention: InputConvention,
    scales: Sequence[float],
    crop_size: int,
    base_size: int = 0,
    ignore_label: int = IGNORE_LABEL,
) -> Transform:
    """Scale, pad, crop, flip, normalise; draws choice(scales), randint of top and of left, random, in this order.
    ``base_size`` is the longer side of the size that the scale multiplies; 0 for the image's own size.
    """
    crop = RandomScaledCrop(
        scales, crop_size, convention.fill, ignore_label, base_size, in_float=convention.resize_in_float
    )
    return Compose([crop, RandomFlip(), InputTensors(convention)])


def warped_crop(convention: InputConvention, warp_size: int, crop_size: int, distort_colours: bool) -> Transform:
    """Warp, distort the colours, cut a square, flip, normalise."""
    colour: list[Transform] = [ColourDistortion()] if distort_colours else []
    return Compose([Warp(warp_size), *colour, RandomCrop(crop_size), RandomFlip(), InputTensors(convention)])


def long_side_crop(
    convention: InputConvention, long_sides: Sequence[int], crop_size: int, ignore_label: int = IGNORE_LABEL
) -> Transform:
    """Resize by the longer side, flip, normalise, cut or place; draws the side, random, the left and the top offset."""
    return Compose(
        [RandomLongSide(long_sides), RandomFlip(), InputTensors(convention), PlacedCrop(crop_size, ignore_label)]
    )


def demo_image(image: np.ndarray, long_side: int = 513) -> np.ndarray:
    """An image, uint8 RGB H x W x 3, as the demo shows it to the network: its longer side brought to ``long_side`` pixels."""
    scale = long_side / max(image.shape[:2])
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR))
