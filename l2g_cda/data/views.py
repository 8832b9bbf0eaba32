"""One training view of an image: resized, cut, coloured, normalised, with the boxes of its patches."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageEnhance

from common.data.sampling import Sample
from common.data.transforms import ToTensors
from l2g_cda.data.patches import draw_boxes
from l2g_cda.data.settings import NORMALISATIONS, ViewConfig

Bytes = npt.NDArray[np.uint8]


class ViewMaker:
    """``(sample, rng) -> view`` (l2g_cda spec, sections 4.2 and 4.3).

    The sample needs ``id``, ``image`` (uint8, H x W x 3), ``saliency`` (uint8, H x W) and ``tags`` (float32, C). The view
    holds ``id``; ``image`` (float32, 3 x S x S, normalised); ``saliency`` (float32, 1 x S x S, divided by its maximum);
    ``boxes`` (int64, P x 4, see :func:`draw_boxes`); ``tags`` (float32, C), which filter the target; ``patch_tags``
    (float32, C), what the local network is to find in each of the patches.

    Draws, in this order: the boxes, the cut (voc), the colours.
    """

    def __init__(self, config: ViewConfig) -> None:
        self.config = config
        self.to_tensors = ToTensors(*NORMALISATIONS[config.normalisation])

    def __call__(self, sample: Sample, rng: Random) -> Sample:
        config = self.config
        boxes = draw_boxes(config, rng)
        if config.recipe == "voc":
            image, saliency = resize_short_side(sample["image"], sample["saliency"], config.resize)
            height, width = saliency.shape
            left, top = draw_crop(height, width, config.input_size, config.crop_axes, rng)
            image = crop_or_black(image, left, top, config.input_size)
            saliency = crop_or_black(saliency, left, top, config.input_size)
        else:
            image = resize(sample["image"], (config.input_size, config.input_size), Image.Resampling.BILINEAR)
            saliency = resize(sample["saliency"], (config.input_size, config.input_size), Image.Resampling.BILINEAR)
        tags = torch.from_numpy(np.array(sample["tags"], np.float32))
        return {
            "id": sample["id"],
            "image": self.to_tensors.image(jitter_colours(image, config.color_jitter, rng)),
            "saliency": relative_saliency(saliency),
            "boxes": torch.from_numpy(boxes),
            "tags": tags,
            "patch_tags": tags.clone(),
        }


def resize(array: Bytes, size: tuple[int, int], how: Image.Resampling) -> Bytes:
    """``array`` (H x W or H x W x 3) at ``size`` = (height, width), by Pillow."""
    return np.asarray(Image.fromarray(np.ascontiguousarray(array)).resize((size[1], size[0]), how))


def short_side_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """(height, width) with the shorter one at ``short_side``; the other is rounded, halves to even."""
    if height < width:
        return short_side, round(width * short_side / height)
    return round(height * short_side / width), short_side


def resize_short_side(image: Bytes, saliency: Bytes, short_side: int) -> tuple[Bytes, Bytes]:
    """Image (bicubic) and saliency (nearest neighbour) with the shorter side at ``short_side``."""
    size = short_side_size(image.shape[0], image.shape[1], short_side)
    return resize(image, size, Image.Resampling.BICUBIC), resize(saliency, size, Image.Resampling.NEAREST)


def draw_crop(height: int, width: int, size: int, axes: str, rng: Random) -> tuple[int, int]:
    """(left, top) of the square cut; draws left, then top.

    With ``axes`` published, left is drawn from the room in the height and top from that in the width (defect D4): the cut
    leaves images that are not square, and never reaches part of their longer side.
    """
    across, down = (height, width) if axes == "published" else (width, height)
    left = draw_offset(across - size, rng)
    return left, draw_offset(down - size, rng)


def draw_offset(room: int, rng: Random) -> int:
    """0..room, both included. Without room the published code draws where to pad, and does not use it."""
    drawn = rng.randrange(abs(room) + 1)
    return drawn if room > 0 else 0


def crop_or_black(array: Bytes, left: int, top: int, size: int) -> Bytes:
    """The square at (left, top), zero where it leaves the array."""
    inside = array[top : top + size, left : left + size]
    if inside.shape[:2] == (size, size):
        return inside
    cut = np.zeros((size, size, *array.shape[2:]), array.dtype)
    cut[: inside.shape[0], : inside.shape[1]] = inside
    return cut


def relative_saliency(saliency: Bytes) -> torch.Tensor:
    """float32 1 x H x W: the map divided by its own maximum; a map without any stays 0."""
    values = torch.from_numpy(saliency.astype(np.float32))[None] / 255
    return values / (values.max() + 1e-10)


def jitter_colours(image: Bytes, strength: tuple[float, float, float, float], rng: Random) -> Bytes:
    """Change brightness, contrast, saturation and hue, in random order (l2g_cda spec, section 4.2, step 4).

    Draws the four factors (none for a strength of 0), then their order.
    """
    steps = [
        (adjust, rng.uniform(centre - amount, centre + amount))
        for (adjust, centre), amount in zip(ADJUSTMENTS, strength, strict=True)
        if amount > 0
    ]
    rng.shuffle(steps)
    picture = Image.fromarray(np.ascontiguousarray(image))
    for adjust, factor in steps:
        picture = adjust(picture, factor)
    return np.asarray(picture)


def adjust_brightness(picture: Image.Image, factor: float) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(factor)


def adjust_contrast(picture: Image.Image, factor: float) -> Image.Image:
    return ImageEnhance.Contrast(picture).enhance(factor)


def adjust_saturation(picture: Image.Image, factor: float) -> Image.Image:
    return ImageEnhance.Color(picture).enhance(factor)


def adjust_hue(picture: Image.Image, factor: float) -> Image.Image:
    """Turn the hue by ``factor`` (-0.5..0.5) of the circle: 8-bit steps, truncated, wrapping around."""
    hue, saturation, value = picture.convert("HSV").split()
    turned = (np.asarray(hue).astype(np.int16) + int(255 * factor)) % 256
    return Image.merge("HSV", (Image.fromarray(turned.astype(np.uint8)), saturation, value)).convert("RGB")


# With the centre of their factors.
ADJUSTMENTS: tuple[tuple[Callable[[Image.Image, float], Image.Image], float], ...] = (
    (adjust_brightness, 1.0),
    (adjust_contrast, 1.0),
    (adjust_saturation, 1.0),
    (adjust_hue, 0.0),
)
