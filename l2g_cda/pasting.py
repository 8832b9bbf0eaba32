"""Pasting objects of absent classes into training images: where they go, and the pairs of views that come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from scipy import ndimage

from common.bounds import bounded, bounded_share, require_bounds
from common.data.colours import Uint8
from common.data.sampling import IndexedSamples, Sample, SampleKey, SeededDataset, sample_rng
from common.errors import DataError
from l2g_cda.bank import ForegroundBank
from l2g_cda.objects import SALIENT, Foreground
from l2g_cda.views import ViewMaker, resize

LARGEST_SHARE = 0.7
Channels = Literal["published", "repaired"]


@dataclass
class CdaConfig:
    """How objects of absent classes are pasted into training images.

    Args:
        bank: folder made by ``make_bank.py`` (or the published ``sem_seg_fg``).
        max_overlap: an attempt is good when less than this share of the pasted pixels was salient before (``cda_tr``).
        attempts: placements to try for one that is good; else the one with the least overlap is kept.
        mask: which pixels of an object are pasted: saliency (its label and saliency > 200) or labels (its label alone, as
            in CDA itself).
        rotation: rotate the object by a whole number of degrees up to this, instead of scaling it at random (CDA: 90).
        twin_tags: published also adds the pasted class to the tags that filter the unpasted twin's target; growing also keeps
            it in all later epochs (published, with 0 workers); repaired does neither.
        channels: published exchanges red and blue of the image around the pasted object; repaired does not.
    """

    bank: str = "sem_seg_fg"
    max_overlap: float = bounded_share(0.2)
    attempts: int = bounded(10, least=1, most=10000)
    mask: Literal["saliency", "labels"] = "saliency"
    rotation: int = bounded(0, least=0, most=180)
    twin_tags: Literal["published", "growing", "repaired"] = "published"
    channels: Channels = "published"

    def __post_init__(self) -> None:
        require_bounds(self, "cda")


@dataclass(frozen=True)
class Placement:
    """An object at its place (rows and columns), not yet pasted.

    Attributes:
        mask, saliency: bool and uint8, h x w: the pixels to paste and their saliency, at the size they get.
        overlap: share of these pixels that was salient before.
    """

    foreground: Foreground
    box: tuple[slice, slice]
    mask: npt.NDArray[np.bool_]
    saliency: Uint8
    overlap: float


def least_overlap(attempt: Callable[[], Placement], max_overlap: float, attempts: int) -> Placement:
    """Try until the overlap is below ``max_overlap`` (strictly), at most ``attempts`` times; the smallest, first on ties."""
    best = attempt()
    for _ in range(attempts - 1):
        if best.overlap < max_overlap:
            break
        best = min(best, attempt(), key=lambda tried: tried.overlap)
    return best


def place(foreground: Foreground, saliency: Uint8, config: CdaConfig, rng: Random) -> Placement:
    """One attempt: size and place at random in an image with this saliency (uint8, H x W).

    Draws the scale ``0.8 + 0.4 * random()`` (or, with ``config.rotation``, the degrees), then the row, then the column.
    """
    if config.rotation:
        foreground, scale = rotated(foreground, rng.randint(-config.rotation, config.rotation)), 1.0
    else:
        scale = 0.8 + 0.4 * rng.random()
    size = fitted_size(foreground.seg.shape, saliency.shape, scale)
    top, left = (rng.randint(0, room - side) for room, side in zip(saliency.shape, size, strict=True))
    box = slice(top, top + size[0]), slice(left, left + size[1])
    mask = resize(foreground.seg, size, Image.Resampling.BILINEAR) != 0
    if foreground.saliency is not None:
        own = resize(foreground.saliency, size, Image.Resampling.BILINEAR)
    elif config.mask == "labels":
        own = np.full(size, 255, np.uint8)
    else:
        raise DataError("an object of the bank has no saliency; make the bank with saliency or set cda.mask to labels")
    if config.mask == "saliency":
        mask &= own > SALIENT
    return Placement(foreground, box, mask, own, overlap_share(mask, saliency[box]))


def paste(image: Uint8, saliency: Uint8, placement: Placement, channels: Channels) -> tuple[Uint8, Uint8]:
    """Copies of image (uint8 RGB, H x W x 3) and saliency (uint8, H x W) with the object in them: a hard edge, no blending.

    With ``channels`` published, red and blue of the image are exchanged around the object (defect D3).
    """
    pasted = (image[..., ::-1] if channels == "published" else image).copy()
    merged = saliency.copy()
    box, mask = placement.box, placement.mask
    colours = resize(placement.foreground.image, (mask.shape[0], mask.shape[1]), Image.Resampling.BILINEAR)
    pasted[box][mask], merged[box][mask] = colours[mask], placement.saliency[mask]
    return pasted, merged


def fitted_size(size: tuple[int, ...], image_size: tuple[int, ...], scale: float) -> tuple[int, int]:
    """(height, width) that an object gets: at most 0.7 of either side of the image, times ``scale``, truncated."""
    height, width = float(size[0]), float(size[1])
    most_high, most_wide = LARGEST_SHARE * image_size[0], LARGEST_SHARE * image_size[1]
    if height > most_high:
        height, width = most_high, width * most_high / height
    if width > most_wide:
        height, width = height * most_wide / width, most_wide
    return max(1, int(height * scale)), max(1, int(width * scale))


def overlap_share(mask: npt.NDArray[np.bool_], saliency: Uint8) -> float:
    """Share of the pixels to paste (bool h x w) that are salient already (uint8 h x w); 0 when there are none."""
    return float((mask & (saliency > SALIENT)).sum() / (mask.sum() + 1e-5))


def rotated(foreground: Foreground, degrees: int) -> Foreground:
    """The object turned counter-clockwise in a frame that holds all of it (cubic splines, as CDA does)."""
    image, seg = (ndimage.rotate(part, degrees) for part in (foreground.image, foreground.seg))
    return Foreground(image, seg, None if foreground.saliency is None else ndimage.rotate(foreground.saliency, degrees))


class PastedTwins(SeededDataset):
    """Every index gives ``{"pasted": view, "original": view}``, each with boxes, cut and colours of its own.

    The pasted twin of sample ``i`` has the random numbers of sample ``n + i``: the original is the same with and without
    its twin. Their first draws are the class (uniform among those that the image lacks and the bank has) and the object
    (uniform within the class). An image that lacks no class of the bank gives its twin without anything pasted.
    """

    def __init__(
        self, images: IndexedSamples, views: ViewMaker, seed: int, bank: ForegroundBank, config: CdaConfig
    ) -> None:
        super().__init__(images, views, seed)
        self.bank, self.config = bank, config

    def make(self, sample: Sample, key: SampleKey) -> Sample:
        """Both views of ``sample``; their tags as ``config.twin_tags`` says (defect D2)."""
        sample = pasted_sample = sample | {"tags": self.tags_before(sample["tags"], key)}
        original = self.transform(sample, sample_rng(self.seed, key.epoch, key.index))
        rng = self.twin_rng(key.epoch, key.index)
        chosen = self.draw_object(sample["tags"], rng)
        if chosen is not None:
            number, foreground = chosen
            placement = self.placement(sample["saliency"], foreground, rng)
            image, saliency = paste(sample["image"], sample["saliency"], placement, self.config.channels)
            pasted_sample = sample | {"image": image, "saliency": saliency, "tags": with_class(sample["tags"], number)}
        pasted = self.transform(pasted_sample, rng)
        if self.config.twin_tags != "repaired":
            # The published code changes the vector that both twins share; the patches' tags are copied before.
            original["tags"] = torch.maximum(original["tags"], pasted["tags"])
        return {"pasted": pasted, "original": original}

    def draw_object(self, tags: np.ndarray, rng: Random) -> tuple[int, Foreground] | None:
        """A class that an image with these tags [C] lacks and one of its objects, or None when the bank has no such class."""
        if not (candidates := self.bank.absent_classes(tags)):
            return None
        number = candidates[rng.randrange(len(candidates))]
        return number, self.bank.objects[number][rng.randrange(len(self.bank.objects[number]))]

    def drawn(self, sample: Sample, key: SampleKey) -> Placement | None:
        """What the pasted twin of an item gets; None when the bank has nothing for it."""
        rng = self.twin_rng(key.epoch, key.index)
        chosen = self.draw_object(sample["tags"], rng)
        return None if chosen is None else self.placement(sample["saliency"], chosen[1], rng)

    def placement(self, saliency: Uint8, foreground: Foreground, rng: Random) -> Placement:
        """Where the object goes in an image with this saliency map (uint8, H x W)."""
        config = self.config
        return least_overlap(lambda: place(foreground, saliency, config, rng), config.max_overlap, config.attempts)

    def tags_before(self, tags: np.ndarray, key: SampleKey) -> np.ndarray:
        """The tags (float32 [C]) that the published code holds for the image when ``key.epoch`` begins.

        They grow only in a single process; its draws of the earlier epochs are made again, so that a resumed training
        sees the same.
        """
        if self.config.twin_tags == "growing":
            for epoch in range(key.epoch):
                chosen = self.draw_object(tags, self.twin_rng(epoch, key.index))
                tags = tags if chosen is None else with_class(tags, chosen[0])
        return tags

    def twin_rng(self, epoch: int, index: int) -> Random:
        return sample_rng(self.seed, epoch, len(self) + index)


def with_class(tags: np.ndarray, number: int) -> np.ndarray:
    """A copy of the tags [C], 0/1, with class ``number`` present."""
    return np.maximum(tags, np.eye(len(tags), dtype=tags.dtype)[number])
