"""Seeds of maps and saliency (sgan spec, section 6.1): cues for classes and for background, painted onto each other.

Inside, unlabelled positions hold C + 1 as in the published seed files; label maps, which the rule gives, say 255 there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from common.cam.files import Cams
from common.data.images import read_label_map
from common.data.palette import IGNORE_LABEL
from common.data.zoom import zoom_linear, zoom_nearest
from common.errors import DataError
from common.files import atomic_write
from common.pseudo_labels.labels import LabelMap
from common.pseudo_labels.rule import Evidence
from sgan.settings import SeedRuleConfig

ClassMaps = npt.NDArray[np.floating]
Cues = npt.NDArray[np.bool_]
TINY = 1e-7
# Ending of a folder of label maps; without it, that of the same seeds in the paper's form.
LABELS_ENDING = "_labels"


def sec_cues(cams: Cams, n_classes: int, saliency: ClassMaps, threshold: float, background: float) -> Cues:
    """SEC's localisation cues: each tagged class above a share of its maximum, background where nothing is salient.

    A class whose maximum is not positive gets no cue: the threshold then lies above the maximum.

    Args:
        cams: K x h x w, any sign.
        saliency: h x w in 0..1.
        threshold: share of a class's maximum, 0.25 as published.
        background: saliency below which a position is background, 0.06 as published.

    Returns:
        bool (C + 1) x h x w, background first; a position may carry several cues or none.
    """
    cues = np.zeros((n_classes + 1, *saliency.shape), np.bool_)
    cues[0] = saliency < background
    for key, one in zip(*cams, strict=True):
        cues[key + 1] = one > threshold * one.max()
    return cues


def paint_cues(cues: Cues, overruled: Sequence[int] = ()) -> LabelMap:
    """One label per position: larger regions are painted first, so that smaller ones end on top.

    Background takes part in that order. Of regions of equal area the one with the higher number is painted first
    (the published order is undefined there).

    Args:
        cues: bool (C + 1) x h x w of :func:`sec_cues`.
        overruled: labels that give way to background wherever it has a cue (boat and train, which saliency shows too large).

    Returns:
        uint8 h x w: 0 background, 1..C classes, C + 1 unlabelled.
    """
    painted = np.full(cues.shape[1:], len(cues), np.uint8)
    painted[cues[0]] = 0
    areas = cues.sum((1, 2))
    for label in np.argsort(areas, kind="stable")[::-1]:
        painted[cues[label]] = label
    painted[np.isin(painted, overruled) & cues[0]] = 0
    return painted


def paint_unambiguous(cues: Cues) -> LabelMap:
    """One label, uint8 h x w, where exactly one cue of (C + 1) x h x w is; several or none make C + 1, unlabelled."""
    return np.where(cues.sum(0) == 1, cues.argmax(0), len(cues)).astype(np.uint8)


def harmonic_labels(cams: Cams, saliency: ClassMaps, threshold: float) -> LabelMap:
    """The class with the greatest harmonic mean of map and saliency, background where that stays below ``threshold``.

    The published code has this rule without calling it. Every position gets a label; without tags all are background.

    Args:
        cams: K x h x w, not negative.
        saliency: h x w in 0..1.
    """
    if not len(cams.keys):
        return np.zeros(saliency.shape, np.uint8)
    means = 2 / (1 / (cams.maps + TINY) + 1 / (saliency + TINY))
    return np.where(means.max(0) < threshold, 0, cams.keys[means.argmax(0)] + 1).astype(np.uint8)


def relative_to_maximum(maps: ClassMaps) -> ClassMaps:
    """Each map of K x h x w, any sign, divided by its maximum; maps without a positive value as they are."""
    greatest = maps.max((1, 2), keepdims=True)
    return maps / np.where(greatest > 0, greatest, 1)


@dataclass(frozen=True)
class SeedRule:
    """``evidence -> label map`` (uint8, H x W: 0 background, 1..C classes, 255 unlabelled).

    Initial seeds are made by it too, of CAMs at the size of the image (inferred from names and issues; sgan spec, section 1).

    Attributes:
        config: how maps become seeds.
        classes: names of the C classes.
        background: saliency below which a position is background.
    """

    config: SeedRuleConfig
    classes: Sequence[str]
    background: float

    def __call__(self, evidence: Evidence) -> LabelMap:
        assert evidence.image is not None and evidence.saliency is not None
        (keys, maps), size = evidence.cams, evidence.image.shape[:2]
        at = size if self.config.at == "image" else maps.shape[1:]
        resized = maps if at == maps.shape[1:] else zoom_linear(maps.transpose(1, 2, 0), at).transpose(2, 0, 1)
        saliency = zoom_linear(evidence.saliency.astype(np.float32) / np.float32(255), at)
        seed = zoom_nearest(self.labels(Cams(keys, resized), saliency), size, self.config.repaired_zoom)
        return np.where(seed > len(self.classes), IGNORE_LABEL, seed).astype(np.uint8)

    def labels(self, cams: Cams, saliency: ClassMaps) -> LabelMap:
        """The labels at the size h x w of maps and saliency (0..1), before they are enlarged; C + 1 unlabelled."""
        config, (keys, maps) = self.config, cams
        if config.rectify or config.rule == "harmonic":
            maps = np.maximum(maps, 0)
        if config.rule == "harmonic":
            return harmonic_labels(Cams(keys, relative_to_maximum(maps)), saliency, config.cam_thresh)
        cues = sec_cues(Cams(keys, maps), len(self.classes), saliency, config.cam_thresh, self.background)
        labels = paint_unambiguous(cues) if config.ignore_conflict else paint_cues(cues, self.overruled)
        if config.fill == "strongest" and len(keys):
            strongest = keys[relative_to_maximum(maps).argmax(0)] + 1
            labels = np.where(labels == len(cues), strongest, labels).astype(np.uint8)
        return labels

    @property
    def overruled(self) -> list[int]:
        """The labels that give way to background."""
        named = self.config.overruled
        return [label for label, name in enumerate(self.classes, 1) if name in named or named == ["all"]]


def seeds_of(labels: Path) -> Path:
    """The folder of the seeds in the paper's form that belong to a folder of label maps."""
    return labels.with_name(labels.name.removesuffix(LABELS_ENDING))


def write_seed(labels: Path, n_classes: int, replace: bool, path: Path, label_map: LabelMap) -> None:
    """Write a folder's label map, uint8 h x w, also in the paper's form: 8-bit grey PNG, C + 1 unlabelled."""
    seed = np.where(label_map == IGNORE_LABEL, n_classes + 1, label_map).astype(np.uint8)
    file = seeds_of(labels) / path.relative_to(labels)
    if not replace and file.is_file() and not np.array_equal(read_label_map(file), seed):
        raise DataError(f"{file} is another seed than the one made now; move its folder away, or use --force")
    atomic_write(file, lambda opened: Image.fromarray(seed).save(opened, format="PNG"))
