"""Other brightness, contrast, saturation and hue of a picture, in random order: the colour jitter of EPS and L2G."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance

from common.bounds import bounded, require_bounds
from common.errors import require

Uint8 = npt.NDArray[np.uint8]
# Strength of brightness, contrast, saturation and hue changes; 0 leaves one out.
Jitter = tuple[float, float, float, float]
# Mean and standard deviation of R, G, B in 0..1, by name (l2g_cda spec, sections 4.2 and 4.3; i2crc spec, section 4.2).
NORMALISATIONS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "coco": ((0.471, 0.448, 0.408), (0.234, 0.239, 0.242)),
}


@dataclass
class ColourConfig:
    """How the colours of training images change.

    Args:
        jitter: strength of brightness, contrast, saturation and hue changes; 0 leaves one out.
    """

    # Spelled out, since the parser looks for a name in the modules of the classes that extend this one.
    jitter: tuple[float, float, float, float] = bounded((0.3, 0.3, 0.3, 0.1), least=0, most=1)

    def __post_init__(self) -> None:
        require_bounds(self)
        require(self.jitter[3] <= 0.5, f"jitter is {list(self.jitter)}; the last of them, hue, is at most 0.5")


@dataclass
class InputColourConfig(ColourConfig):
    """How the colours of training images change, and how those of all images are normalised.

    Args:
        normalisation: mean and standard deviation of the colours, imagenet or coco.
    """

    normalisation: Literal["imagenet", "coco"] = "imagenet"


def jitter_colours(image: Uint8, strength: Jitter, rng: Random) -> Uint8:
    """uint8 H x W x 3 with other brightness, contrast, saturation and hue, in random order, as torchvision's ColorJitter.

    Draws the four factors (none for a strength of 0), then their order.
    """
    changes = [(*change, amount) for change, amount in zip(ADJUSTMENTS.values(), strength, strict=True) if amount > 0]
    steps = [(adjust, rng.uniform(centre - amount, centre + amount)) for adjust, centre, amount in changes]
    rng.shuffle(steps)
    picture = Image.fromarray(np.ascontiguousarray(image))
    for adjust, factor in steps:
        picture = adjust(picture, factor)
    return np.asarray(picture)


def turn_hue(picture: Image.Image, factor: float) -> Image.Image:
    """Turn the hue by ``factor`` (-0.5..0.5) of the circle: 8-bit steps, truncated, wrapping around."""
    hue, saturation, value = picture.convert("HSV").split()
    turned = (np.asarray(hue).astype(np.int16) + int(255 * factor)) % 256
    return Image.merge("HSV", (Image.fromarray(turned.astype(np.uint8)), saturation, value)).convert("RGB")


# Change of a picture by a factor, and the factor that changes nothing.
ADJUSTMENTS: Mapping[str, tuple[Callable[[Image.Image, float], Image.Image], float]] = {
    "brightness": (lambda picture, factor: ImageEnhance.Brightness(picture).enhance(factor), 1.0),
    "contrast": (lambda picture, factor: ImageEnhance.Contrast(picture).enhance(factor), 1.0),
    "saturation": (lambda picture, factor: ImageEnhance.Color(picture).enhance(factor), 1.0),
    "hue": (turn_hue, 0.0),
}
