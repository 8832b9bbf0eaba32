"""One image of the toy set: a background, things placed on it, and the truth about each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from common.data.toy.arrays import BoolArray, ByteArray, FloatArray
from common.data.toy.config import SPLITS, ToyConfig
from common.data.toy.objects import CLASSES, Drawing, Shape, draw_distractor, object_shape, paint_object
from common.data.toy.saliency import draw_saliency
from common.data.toy.textures import TEXTURES

RADIUS_RANGE = (0.19, 0.42)
SHRINK_PER_OBJECT = 0.14
DISTRACTOR_RADIUS_RANGE = (0.1, 0.18)
MIN_VISIBLE = 0.45
MIN_VISIBLE_PART = 0.6
PLACEMENT_TRIES = 40


@dataclass(frozen=True)
class SceneObject:
    """A placed object: class number (0-based, without background) and bool masks [H, W]; ``part``: what is seen of it."""

    class_number: int
    whole: BoolArray
    visible: BoolArray
    part: BoolArray


@dataclass(frozen=True)
class Scene:
    """An image with its truth.

    ``image`` uint8 [H, W, 3] RGB, ``label_map`` uint8 [H, W] (0 background, class number + 1), ``saliency`` uint8
    [H, W], ``texture`` the background's name, ``distractor`` bool [H, W].
    """

    image: ByteArray
    label_map: ByteArray
    saliency: ByteArray
    objects: tuple[SceneObject, ...]
    distractor: BoolArray
    texture: str

    @property
    def class_numbers(self) -> tuple[int, ...]:
        """The image's tags: 0-based class numbers, ascending."""
        return tuple(sorted({placed.class_number for placed in self.objects}))


def draw_scene(config: ToyConfig, split: str, index: int) -> Scene:
    """Draw image ``index`` of ``split``; it depends on (config, split, index) and on nothing drawn before."""
    rng = np.random.default_rng([config.seed, SPLITS.index(split), index])
    class_numbers = choose_classes(rng, config.max_objects)
    texture = choose_texture(rng, class_numbers[0], config.context_bias)
    distractor = None
    if rng.random() < config.distractor_rate:
        radius = config.size * rng.uniform(*DISTRACTOR_RADIUS_RANGE)
        distractor = draw_distractor(rng, config.size, random_centre(rng, config.size, radius), radius)
    placed = place_objects(rng, config, class_numbers)
    drawings = [paint_object(rng, CLASSES[number], shape) for number, shape in placed]
    things = drawings if distractor is None else [distractor, *drawings]
    image = compose(rng, TEXTURES[texture](rng, config.size), things)
    visible = visible_masks([thing.shape for thing in things])
    rock = np.zeros((config.size, config.size), bool) if distractor is None else visible.pop(0)
    objects = tuple(
        SceneObject(number, shape.alpha >= 0.5, mask, (shape.part >= 0.5) & mask)
        for (number, shape), mask in zip(placed, visible, strict=True)
    )
    label_map = np.zeros((config.size, config.size), np.uint8)
    for item in objects:
        label_map[item.visible] = item.class_number + 1
    saliency = draw_saliency(rng, config, [item.visible for item in objects], rock)
    return Scene(image, label_map, saliency, objects, rock, texture)


def choose_classes(rng: np.random.Generator, max_objects: int) -> list[int]:
    """Class numbers of 1..max_objects objects, different ones; the first one decides about the background."""
    n_objects = int(rng.integers(1, max_objects + 1))
    return [int(number) for number in rng.permutation(len(CLASSES))[:n_objects]]


def choose_texture(rng: np.random.Generator, class_number: int, context_bias: float) -> str:
    """The class's home with probability ``context_bias``, else any texture."""
    if rng.random() < context_bias:
        return CLASSES[class_number].home
    return str(rng.choice(list(TEXTURES)))


def place_objects(rng: np.random.Generator, config: ToyConfig, class_numbers: list[int]) -> list[tuple[int, Shape]]:
    """Lay the objects one over the other such that each stays recognisable; one that finds no room is left out."""
    placed: list[tuple[int, Shape]] = []
    low, high = RADIUS_RANGE
    shrink = 1 - SHRINK_PER_OBJECT * (len(class_numbers) - 1)
    for number in class_numbers:
        overlaps = bool(placed) and rng.random() < config.occlusion_rate
        for _ in range(PLACEMENT_TRIES):
            radius = config.size * shrink * np.exp(rng.uniform(np.log(low), np.log(high)))
            shape = object_shape(rng, CLASSES[number], config.size, random_centre(rng, config.size, radius), radius)
            if fits([earlier for _, earlier in placed], shape, overlaps):
                placed.append((number, shape))
                break
    return placed


def random_centre(rng: np.random.Generator, size: int, radius: float) -> tuple[float, float]:
    """A centre (x, y) such that most of a thing of this radius lies in the image."""
    margin = min(0.8 * radius, 0.45 * size)
    x, y = rng.uniform(margin, size - margin, size=2)
    return float(x), float(y)


def fits(earlier: list[Shape], shape: Shape, overlaps: bool) -> bool:
    """Whether ``shape`` on top of ``earlier`` overlaps as wanted and leaves every object recognisable."""
    if not earlier:
        return True
    covered = max(float(np.minimum(item.alpha, shape.alpha).sum() / item.alpha.sum()) for item in earlier)
    if (covered > 0.08) != overlaps:
        return False
    shapes = [*earlier, shape]
    return all(
        mask.sum() >= MIN_VISIBLE * item.alpha.sum() and item.part[mask].sum() >= MIN_VISIBLE_PART * item.part.sum()
        for item, mask in zip(shapes, visible_masks(shapes), strict=True)
    )


def visible_masks(shapes: list[Shape]) -> list[BoolArray]:
    """What of each shape is not covered by later ones: one bool mask [H, W] per shape."""
    masks: list[BoolArray] = []
    free = np.ones(shapes[0].alpha.shape, bool)
    for shape in reversed(shapes):
        whole = shape.alpha >= 0.5
        masks.append(whole & free)
        free &= ~whole
    return masks[::-1]


def compose(rng: np.random.Generator, background: FloatArray, things: list[Drawing]) -> ByteArray:
    """Lay ``things`` over ``background`` in order, with the exposure and noise of a camera; uint8 [H, W, 3]."""
    image = background
    for thing in things:
        weight = thing.shape.alpha[..., None]
        image = (1 - weight) * image + weight * thing.colour
    exposed = image * rng.uniform(0.85, 1.15) + rng.normal(0, 4, size=image.shape)
    return np.asarray(np.clip(np.round(exposed), 0, 255), np.uint8)
