"""The things of the toy set: classes with a large plain body and one small part that tells the class, and distractors.

The body has a random colour, so that only its shape says something about the class, as a cow's flank says less than its
head. The part has the same two strong colours in every object of the class: a classifier needs nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from common.data.toy.arrays import FloatArray, polygon_alpha, smooth_noise

Colour = tuple[int, int, int]
Points = tuple[tuple[float, float], ...]

PART_RADIUS = 0.36
PUPIL_RADIUS = 0.17
OUTLINE = 0.55


def ellipse(width: float, height: float) -> Points:
    """48 points of an ellipse around the origin, with these half axes."""
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return tuple((float(width * np.cos(a)), float(height * np.sin(a))) for a in angles)


def outline(xs: tuple[float, ...], ys: tuple[float, ...]) -> Points:
    """The points with these coordinates."""
    return tuple(zip(xs, ys, strict=True))


@dataclass(frozen=True)
class ToyClass:
    """A class: its body outline (x right, y down, in -1..1), where its part sits, the part's colours, its home."""

    name: str
    body: Points
    part_centre: tuple[float, float]
    part_colours: tuple[Colour, Colour]
    home: str


CLASSES: tuple[ToyClass, ...] = (
    ToyClass("beetle", ellipse(1.0, 0.66), (0.68, 0.0), ((214, 30, 38), (26, 20, 24)), "grass"),
    ToyClass(
        "fish",
        outline(
            (-1.0, -0.55, -0.2, 0.3, 0.75, 1.0, 0.75, 0.3, -0.2, -0.55, -1.0),
            (-0.6, -0.2, -0.5, -0.58, -0.38, 0.0, 0.38, 0.58, 0.5, 0.2, 0.6),
        ),
        (0.58, 0.0),
        ((250, 210, 30), (20, 30, 110)),
        "water",
    ),
    ToyClass(
        "kite",
        ((0.0, -1.0), (0.8, -0.25), (0.0, 1.0), (-0.8, -0.25)),
        (0.0, -0.45),
        ((226, 40, 190), (250, 240, 250)),
        "sky",
    ),
    ToyClass(
        "cactus",
        outline(
            (-0.3, -0.3, -0.85, -0.85, -0.45, -0.45, -0.3, -0.3, 0.3, 0.3, 0.45, 0.45, 0.85, 0.85, 0.3, 0.3),
            (1.0, 0.45, 0.45, -0.35, -0.35, 0.0, 0.0, -1.0, -1.0, -0.1, -0.1, -0.5, -0.5, 0.35, 0.35, 1.0),
        ),
        (0.0, -0.66),
        ((245, 120, 20), (250, 245, 200)),
        "sand",
    ),
    ToyClass(
        "house",
        ((-0.8, 0.9), (-0.8, -0.1), (0.0, -0.95), (0.8, -0.1), (0.8, 0.9)),
        (0.35, 0.45),
        ((0, 235, 235), (20, 20, 60)),
        "bricks",
    ),
    ToyClass(
        "truck",
        ((-1.0, 0.55), (-1.0, -0.6), (0.45, -0.6), (0.45, -0.25), (1.0, -0.25), (1.0, 0.55)),
        (0.68, 0.12),
        ((30, 230, 60), (250, 250, 250)),
        "planks",
    ),
)
CLASS_NAMES: tuple[str, ...] = tuple(toy_class.name for toy_class in CLASSES)


@dataclass(frozen=True)
class Shape:
    """Where a thing lies: coverage maps [H, W] in 0..1 of the whole, of its part and of the part's inner disc."""

    alpha: FloatArray
    part: FloatArray
    pupil: FloatArray


@dataclass(frozen=True)
class Drawing:
    """A thing as drawn alone: its ``shape`` and its ``colour`` [H, W, 3] in 0..255."""

    shape: Shape
    colour: FloatArray


def object_shape(
    rng: np.random.Generator, toy_class: ToyClass, size: int, centre: tuple[float, float], radius: float
) -> Shape:
    """An object of ``toy_class`` in a random pose, its body's half-extent ``radius`` pixels, around ``centre`` (x, y)."""
    transform = random_pose(rng, radius)
    body = np.asarray(toy_class.body, np.float32) @ transform.T + np.asarray(centre, np.float32)
    part_centre = np.asarray(toy_class.part_centre, np.float32) @ transform.T + np.asarray(centre, np.float32)
    alpha = polygon_alpha(body, size)
    part = np.minimum(disc_alpha(size, part_centre, PART_RADIUS * radius), alpha)
    return Shape(alpha, part, disc_alpha(size, part_centre, PUPIL_RADIUS * radius))


def paint_object(rng: np.random.Generator, toy_class: ToyClass, shape: Shape) -> Drawing:
    """Give an object's body a random dull colour and its part the two colours of its class."""
    outer, inner = np.asarray(toy_class.part_colours, np.float32)
    pupil, part = shape.pupil[..., None], shape.part[..., None]
    colour = (1 - part) * plain_body(rng, shape.alpha) + part * ((1 - pupil) * outer + pupil * inner)
    return Drawing(shape, np.asarray(colour, np.float32))


def random_pose(rng: np.random.Generator, radius: float) -> FloatArray:
    """A float32 [2, 2] matrix: flip left-right, stretch a little, turn by up to 20 degrees, scale to ``radius``."""
    angle = np.deg2rad(rng.uniform(-20, 20))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    stretch = np.exp(rng.uniform(-0.15, 0.15))
    flip = rng.choice([-1.0, 1.0])
    return np.asarray(radius * turn @ np.diag([flip * stretch, 1 / stretch]), np.float32)


def disc_alpha(size: int, centre: FloatArray, radius: float) -> FloatArray:
    """Coverage [size, size] in 0..1 of a disc around ``centre`` (float32: x, y) with a one-pixel soft border."""
    rows, columns = np.mgrid[:size, :size].astype(np.float32) + 0.5
    return np.asarray(np.clip(radius + 0.5 - np.hypot(columns - centre[0], rows - centre[1]), 0, 1), np.float32)


def plain_body(rng: np.random.Generator, alpha: FloatArray) -> FloatArray:
    """A body's colour, float32 [H, W, 3], from its coverage [H, W]: any dull colour, a slow shading, a darker outline."""
    size = alpha.shape[0]
    grey = rng.uniform(90, 190)
    colour = grey + rng.uniform(-25, 25, size=3)
    shading = 1 + 0.06 * smooth_noise(rng, size, size / 8) + 0.02 * rng.standard_normal((size, size), np.float32)
    inner = cv2.erode(alpha, np.ones((3, 3), np.uint8))
    outline = OUTLINE + (1 - OUTLINE) * inner
    return np.asarray(colour * (shading * outline)[..., None], np.float32)


def draw_distractor(rng: np.random.Generator, size: int, centre: tuple[float, float], radius: float) -> Drawing:
    """Draw a speckled rock: a thing that stands out but belongs to no class."""
    angles = np.linspace(0, 2 * np.pi, 9, endpoint=False) + rng.uniform(0, 0.5, size=9)
    radii = radius * rng.uniform(0.65, 1.0, size=9)
    points = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1) + np.asarray(centre, np.float32)
    alpha = polygon_alpha(np.asarray(points, np.float32), size)
    speckles = 22 * np.sign(smooth_noise(rng, size, 0.9))
    colour = rng.uniform(80, 150) + rng.uniform(-20, 20, size=3) + speckles[..., None]
    nothing = np.zeros_like(alpha)
    return Drawing(Shape(alpha, nothing, nothing), np.asarray(colour, np.float32))
