"""What the two networks see of an image: a view (resized, cut, coloured, normalised), its patches, the batch of a step."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from common.bounds import bounded, bounded_side
from common.data.colours import NORMALISATIONS, InputColourConfig, Uint8, jitter_colours
from common.data.sampling import Sample
from common.data.transforms import ToTensors
from common.errors import require

Axes = Literal["published", "repaired"]


@dataclass
class ViewConfig(InputColourConfig):
    """What the two networks see of an image.

    Args:
        recipe: voc (shorter side to ``short_side``, square cut at random, four patches fixed in the corners) or coco (squeezed
            to the square, all patches at random).
        short_side: shorter side in pixels before the cut; voc only.
        input_size: side of the square that the global network sees.
        patch_side: side of a patch, what the local network sees.
        patches: patches per image.
        crop_axes: published exchanges height and width when the square is placed, so that it leaves images that are not
            square and the rest is black; repaired keeps it inside.
    """

    recipe: Literal["voc", "coco"] = "voc"
    short_side: int = bounded_side(512)
    input_size: int = bounded_side(448)
    patch_side: int = bounded_side(320)
    patches: int = bounded(6, least=1, most=1000)
    crop_axes: Axes = "published"

    def __post_init__(self) -> None:
        super().__post_init__()
        side, patch, least = self.input_size, self.patch_side, 4 if self.recipe == "voc" else 1
        fits = self.recipe == "coco" or self.short_side >= side
        require(0 < patch < side, f"views.patch_side is {patch}; a patch must be smaller than views.input_size {side}")
        require(fits, f"views.short_side is {self.short_side}; it must hold views.input_size {side}")
        require(
            self.patches >= least, f"views.patches is {self.patches}; the {self.recipe} recipe needs {least} or more"
        )


class ViewMaker:
    """``(sample, rng) -> view`` (l2g_cda spec, sections 4.2 and 4.3).

    The sample needs ``id``, ``image`` (uint8, H x W x 3), ``saliency`` (uint8, H x W) and ``tags`` (float32, C). The view
    holds ``id``; ``image`` (float32, 3 x S x S, normalised); ``saliency`` (float32, 1 x S x S, divided by its maximum);
    ``boxes`` (int64, P x 4, see :func:`draw_boxes`); ``tags`` (float32, C), which filter the target; ``patch_tags``
    (float32, C), what the local network is to find in each of the patches.

    Draws, in this order: the boxes, the cut (voc), the colours.
    """

    def __init__(self, config: ViewConfig) -> None:
        self.config, self.to_tensors = config, ToTensors(*NORMALISATIONS[config.normalisation])

    def __call__(self, sample: Sample, rng: Random) -> Sample:
        config, side = self.config, self.config.input_size
        boxes = draw_boxes(config, rng)
        image, saliency = sample["image"], sample["saliency"]
        if config.recipe == "voc":
            image, saliency = resize_short_side(image, saliency, config.short_side)
            left, top = draw_crop(saliency.shape, side, config.crop_axes, rng)
            image, saliency = (crop_or_black(array, left, top, side) for array in (image, saliency))
        else:
            image, saliency = (resize(array, (side, side), Image.Resampling.BILINEAR) for array in (image, saliency))
        tags = torch.from_numpy(np.array(sample["tags"], np.float32))
        return {
            "id": sample["id"],
            "image": self.to_tensors.image(jitter_colours(image, config.jitter, rng)),
            "saliency": relative_saliency(saliency),
            "boxes": torch.from_numpy(boxes),
            "tags": tags,
            "patch_tags": tags.clone(),
        }


def resize(array: Uint8, size: tuple[int, int], how: Image.Resampling) -> Uint8:
    """``array`` (uint8 H x W or H x W x 3) at ``size`` = (height, width), by Pillow."""
    return np.asarray(Image.fromarray(np.ascontiguousarray(array)).resize((size[1], size[0]), how))


def short_side_size(shape: tuple[int, ...], short_side: int) -> tuple[int, int]:
    """(height, width) with the shorter one at ``short_side``; the other is rounded, halves to even."""
    height, width = shape[:2]
    if height < width:
        return short_side, round(width * short_side / height)
    return round(height * short_side / width), short_side


def resize_short_side(image: Uint8, saliency: Uint8, short_side: int) -> tuple[Uint8, Uint8]:
    """Image (uint8 H x W x 3, bicubic) and saliency (uint8 H x W, nearest) with the shorter side at ``short_side``."""
    size = short_side_size(image.shape, short_side)
    return resize(image, size, Image.Resampling.BICUBIC), resize(saliency, size, Image.Resampling.NEAREST)


def draw_crop(shape: tuple[int, ...], size: int, axes: Axes, rng: Random) -> tuple[int, int]:
    """(left, top) of the square cut from an image of that shape (height, width); draws left, then top.

    With ``axes`` published, left is drawn from the room in the height and top from that in the width (defect D4): the cut
    leaves images that are not square, and never reaches part of their longer side.
    """
    rooms = [side - size for side in (shape[:2] if axes == "published" else shape[1::-1])]
    # Without room the published code draws where to pad, and does not use it.
    left, top = (min(rng.randrange(abs(room) + 1), max(room, 0)) for room in rooms)
    return left, top


def crop_or_black(array: Uint8, left: int, top: int, size: int) -> Uint8:
    """The square at (left, top) of a uint8 array H x W (x 3), zero where it leaves the array."""
    inside = array[top : top + size, left : left + size]
    missing = [(0, size - length) for length in inside.shape[:2]]
    return np.pad(inside, [*missing, *[(0, 0)] * (array.ndim - 2)])


def relative_saliency(saliency: Uint8) -> Tensor:
    """uint8 H x W to float32 1 x H x W in 0..1: the map divided by its own maximum; a map without any stays 0."""
    values = torch.from_numpy(saliency.astype(np.float32))[None] / 255
    return values / (values.max() + 1e-10)


def draw_boxes(config: ViewConfig, rng: Random) -> npt.NDArray[np.int64]:
    """Corners of the patches, int64 [P, 4]: x1, y1, x2, y2 in pixels of the square view (l2g_cda spec, section 4.5).

    The voc recipe begins with the four corners of the view. Every further box draws y, then x, from 0 up to
    ``input_size - patch_side``, that end excluded.
    """
    room = config.input_size - config.patch_side
    corners = [(0, 0), (0, room), (room, 0), (room, room)] if config.recipe == "voc" else []
    drawn = [(rng.randrange(room), rng.randrange(room)) for _ in range(config.patches - len(corners))]
    starts = np.array([*corners, *((x, y) for y, x in drawn)], np.int64)
    return np.concatenate([starts, starts + config.patch_side], axis=1)


def cut_patches(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Cut all patches of a batch at once, without waiting for the device.

    From images B x C x S x S of any type at boxes N x 5 (image index, x1, y1, x2, y2 in pixels) to N x C x size x size, in
    the memory layout of the images.
    """
    image, left, top = boxes[:, :3].long().unbind(1)
    # Every place where a patch could lie, as a view; indexing it copies only those asked for.
    return images.unfold(2, size, 1).unfold(3, size, 1)[image, :, top, left]


def collate(samples: list[Sample]) -> dict[str, Any]:
    """Stack views; of twins first all pasted ones, then all originals (l2g_cda spec, section 4.4).

    Args:
        samples: views of :class:`ViewMaker`, or pairs of :class:`l2g_cda.pasting.PastedTwins`.

    Returns:
        For N views with P patches: ``id`` (N strings), ``image`` (float32, N x 3 x S x S), ``saliency`` (float32,
        N x 1 x S x S, 0..1), ``boxes`` (float32, N*P x 5: place of the view in this batch, x1, y1, x2, y2), ``tags``
        (float32, N x C, filter the target) and ``patch_tags`` (float32, N*P x C, what the local network learns). Cut the
        patches with :func:`cut_patches`.
    """
    paired = "original" in samples[0]
    views = [sample[twin] for twin in ("pasted", "original") for sample in samples] if paired else samples
    places = [torch.full((len(view["boxes"]), 1), place) for place, view in enumerate(views)]
    boxes = [torch.cat([place, view["boxes"]], dim=1) for place, view in zip(places, views, strict=True)]
    patch_tags = [view["patch_tags"].expand(len(view["boxes"]), -1) for view in views]
    stacked = {name: torch.stack([view[name] for view in views]) for name in ("image", "saliency", "tags")}
    ids = [view["id"] for view in views]
    return {"id": ids, **stacked, "boxes": torch.cat(boxes).float(), "patch_tags": torch.cat(patch_tags)}
