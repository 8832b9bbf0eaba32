"""Settings of the training items and of the augmentation by pasted objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from common.errors import ConfigError

# Mean and standard deviation of R, G, B in 0..1, by name (l2g_cda spec, sections 4.2 and 4.3).
NORMALISATIONS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "coco": ((0.471, 0.448, 0.408), (0.234, 0.239, 0.242)),
}


@dataclass
class ViewConfig:
    """What the two networks see of an image.

    Args:
        recipe: voc (shorter side to ``resize``, square cut at random, four patches fixed in the corners) or coco (squeezed
            to the square, all patches at random).
        resize: shorter side in pixels before the cut; voc only.
        input_size: side of the square that the global network sees.
        crop_size: side of a patch, what the local network sees.
        patches: patches per image.
        color_jitter: strength of brightness, contrast, saturation and hue changes; 0 leaves one out.
        normalisation: mean and standard deviation of the colours, imagenet or coco.
        crop_axes: published exchanges height and width when the square is placed, so that it leaves images that are not
            square and the rest is black; repaired keeps it inside.
    """

    recipe: Literal["voc", "coco"] = "voc"
    resize: int = 512
    input_size: int = 448
    crop_size: int = 320
    patches: int = 6
    color_jitter: tuple[float, float, float, float] = (0.3, 0.3, 0.3, 0.1)
    normalisation: Literal["imagenet", "coco"] = "imagenet"
    crop_axes: Literal["published", "repaired"] = "published"

    def __post_init__(self) -> None:
        if not 0 < self.crop_size < self.input_size:
            raise ConfigError(
                f"views.crop_size is {self.crop_size}; a patch must be smaller than views.input_size {self.input_size}"
            )
        if self.recipe == "voc" and self.resize < self.input_size:
            raise ConfigError(
                f"views.resize is {self.resize}; the shorter side must hold views.input_size {self.input_size}"
            )
        least = 4 if self.recipe == "voc" else 1
        if self.patches < least:
            raise ConfigError(f"views.patches is {self.patches}; the {self.recipe} recipe needs at least {least}")
        if min(self.color_jitter) < 0 or max(self.color_jitter[:3]) > 1 or self.color_jitter[3] > 0.5:
            raise ConfigError(
                f"views.color_jitter is {list(self.color_jitter)}; give brightness, contrast, saturation within 0..1 and hue within 0..0.5"
            )


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
        labels: published also adds the pasted class to the tags that filter the unpasted twin's target; growing also keeps
            it in all later epochs (published, with 0 workers); repaired does neither.
        channels: published exchanges red and blue of the image around the pasted object; repaired does not.
        first_epoch: first epoch in which twins are pasted, counted from the start of this training.
    """

    bank: str = "sem_seg_fg"
    max_overlap: float = 0.2
    attempts: int = 10
    mask: Literal["saliency", "labels"] = "saliency"
    rotation: int = 0
    labels: Literal["published", "growing", "repaired"] = "published"
    channels: Literal["published", "repaired"] = "published"
    first_epoch: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.max_overlap <= 1:
            raise ConfigError(f"cda.max_overlap is {self.max_overlap}; give a share between 0 and 1")
        if self.attempts < 1:
            raise ConfigError(f"cda.attempts is {self.attempts}; at least one attempt is needed")
        if not 0 <= self.rotation <= 180:
            raise ConfigError(f"cda.rotation is {self.rotation}; give degrees between 0 and 180")
        if self.first_epoch < 0:
            raise ConfigError(f"cda.first_epoch is {self.first_epoch}; epochs count from 0")
