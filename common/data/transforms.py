"""Joint transforms: small callables ``(sample, rng) -> sample`` that keep image, mask, saliency and dense maps aligned.

A sample's spatial entries are ``image`` (H x W x 3), ``mask`` (H x W, nearest neighbour), ``saliency`` (H x W) and
``dense`` (H x W x K float32, e.g. CAMs). All random numbers come from the ``random.Random`` that is passed in.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from PIL import Image, ImageEnhance

from common.data.sampling import Sample, Transform
from common.errors import DataError

SPATIAL = ("image", "mask", "saliency", "dense")

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# The mean in the images' own units: padding with it becomes (nearly) zero once normalised.
MEAN_COLOUR = tuple(round(255 * channel) for channel in IMAGENET_MEAN)


class Compose:
    """Apply transforms one after the other."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = transforms

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        for transform in self.transforms:
            sample = transform(sample, rng)
        return sample


def resize_sample(sample: Sample, height: int, width: int) -> Sample:
    """Resize every spatial entry: OpenCV's bilinear, Pillow's nearest for masks (deeplabv2 spec, section 4.2)."""
    resized = dict(sample)
    for name in SPATIAL:
        if name not in sample:
            continue
        if name == "mask":
            resized[name] = np.asarray(Image.fromarray(sample[name]).resize((width, height), Image.Resampling.NEAREST))
        elif not sample[name].size:
            # No map at all (an image without tags), which OpenCV does not take.
            resized[name] = np.empty((height, width, *sample[name].shape[2:]), sample[name].dtype)
        else:
            flat = cv2.resize(sample[name], (width, height), interpolation=cv2.INTER_LINEAR)
            resized[name] = flat if flat.ndim == sample[name].ndim else flat[..., None]
    return resized


class ResizeLongSide:
    """Scale so that the longer side has ``size`` pixels; the other side is rounded down (at least 1)."""

    def __init__(self, size: int) -> None:
        self.size = size

    def to_size(self, sample: Sample) -> Sample:
        """The sample with every spatial entry resized; nothing here is random."""
        height, width = sample["image"].shape[:2]
        return resize_sample(sample, *(max(1, side) for side in with_longer_side(height, width, self.size)))

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        return self.to_size(sample)


def with_longer_side(height: int, width: int, longer: int) -> tuple[int, int]:
    """(height, width) of the same shape whose longer side is ``longer``; the other is rounded down."""
    return longer * height // max(height, width), longer * width // max(height, width)


class RandomCrop:
    """Cut a ``size`` x ``size`` window; the sample must be at least that large.

    Draws the top, then the left edge, both ends included (deeplabv2 spec, section 4.2).

    Raises:
        DataError: the sample is smaller than that.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        height, width = sample["image"].shape[:2]
        if min(height, width) < self.size:
            raise DataError(
                f"{sample.get('id', 'an image')} is {height} x {width} pixels, too small to cut {self.size} x {self.size} from it; "
                "pad it first or cut less"
            )
        top = rng.randint(0, height - self.size)
        left = rng.randint(0, width - self.size)
        return crop_sample(sample, top, left, self.size, self.size)


class RandomResizedCrop:
    """Cut a window of random area and aspect ratio and resize it to ``size`` x ``size`` (the ImageNet recipe).

    Args:
        size: side of the result in pixels.
        area: least and greatest share of the image's area.
    """

    def __init__(self, size: int, area: tuple[float, float]) -> None:
        self.size = size
        self.area = area

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        height, width = sample["image"].shape[:2]
        area = height * width * rng.uniform(*self.area)
        ratio = float(np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3))))
        crop_height = min(height, max(1, round((area / ratio) ** 0.5)))
        crop_width = min(width, max(1, round((area * ratio) ** 0.5)))
        top, left = rng.randint(0, height - crop_height), rng.randint(0, width - crop_width)
        return resize_sample(crop_sample(sample, top, left, crop_height, crop_width), self.size, self.size)


def crop_sample(sample: Sample, top: int, left: int, height: int, width: int) -> Sample:
    """The sample with every spatial entry cut to the window ``height`` x ``width`` at ``top``, ``left``."""
    return {
        name: value[top : top + height, left : left + width] if name in SPATIAL else value
        for name, value in sample.items()
    }


class RandomFlip:
    """Mirror left to right with probability one half."""

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        if rng.random() >= 0.5:
            return sample
        return {name: value[:, ::-1] if name in SPATIAL else value for name, value in sample.items()}


class ColorJitter:
    """Brightness, contrast and saturation of a uint8 image, each multiplied by a factor within 1 +- ``strength``."""

    def __init__(self, strength: float) -> None:
        self.strength = strength

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        image = Image.fromarray(np.ascontiguousarray(sample["image"]))
        for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            image = enhance(image).enhance(rng.uniform(1 - self.strength, 1 + self.strength))
        return {**sample, "image": np.asarray(image)}


class ToTensors:
    """Normalise and convert: the last transform.

    ``image`` -> float32, 3 x H x W, (image / 255 - mean) / std; ``mask`` -> int64, H x W; ``saliency`` -> float32, H x W in
    0..1; ``dense`` -> float32, K x H x W; ``tags`` -> float32, C.
    """

    def __init__(self, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD) -> None:
        self.scale = (1 / (255 * np.asarray(std))).astype(np.float32)
        self.shift = (-np.asarray(mean) / np.asarray(std)).astype(np.float32)

    def image(self, image: np.ndarray) -> torch.Tensor:
        """H x W x 3 in 0..255 -> normalised float32 3 x H x W."""
        height, width, channels = image.shape
        planes = np.empty((channels, height, width), np.float32)
        # One plane after the other, written in place: no copies of the image that are thrown away.
        for channel, plane in enumerate(planes):
            np.multiply(image[..., channel], self.scale[channel], out=plane)
            plane += self.shift[channel]
        return torch.from_numpy(planes)

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        converted = dict(sample)
        converted["image"] = self.image(sample["image"])
        if "mask" in sample:
            converted["mask"] = torch.from_numpy(sample["mask"].astype(np.int64))
        if "saliency" in sample:
            converted["saliency"] = torch.from_numpy(sample["saliency"].astype(np.float32) / 255)
        if "dense" in sample:
            converted["dense"] = torch.from_numpy(np.ascontiguousarray(sample["dense"].transpose(2, 0, 1), np.float32))
        if "tags" in sample:
            converted["tags"] = torch.from_numpy(np.asarray(sample["tags"], np.float32))
        return converted
