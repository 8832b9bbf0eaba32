"""From an image to its seed: loading, maps, labels (sgan spec, section 6.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from common.data.dataset import ListedImages
from common.data.images import read_saliency
from common.data.layout import DatasetLayout
from common.data.sampling import Sample
from common.errors import NonFiniteError
from sgan.data.sample import NetworkInput, feature_size
from sgan.data.zoom import zoom_linear, zoom_nearest
from sgan.models.network import SGAN
from sgan.seeds.cues import harmonic_labels, paint_cues, paint_unambiguous, sec_cues
from sgan.settings import SganConfig

Labels = npt.NDArray[np.uint8]
# As the only name in ``seeds.overruled``: every class.
ALL = "all"


class Seeded(NamedTuple):
    """What became of one image.

    Attributes:
        label_map: uint8 H x W: 0 background, 1..C classes, C + 1 unlabelled.
        maps: float32 C x h x w, the maps it was made from.
    """

    label_map: Labels
    maps: npt.NDArray[np.float32]


class SeedInput:
    """``id -> sample`` for inference; runs in worker processes.

    Besides the network's input the sample holds ``size`` (height, width), ``keys`` (numbers of the tagged classes) and
    ``cue`` (float32 saliency in 0..1 at image size, of the maps that decide the background).
    """

    def __init__(self, images: ListedImages, convert: NetworkInput, background: DatasetLayout) -> None:
        self.images, self.convert, self.background = images, convert, background

    def __call__(self, image_id: str) -> Sample:
        raw = self.images.read(image_id)
        sample = self.convert.convert(raw)
        sample["size"] = raw["image"].shape[:2]
        sample["keys"] = np.flatnonzero(raw["tags"])
        saliency = read_saliency(self.background.saliency_path(image_id))
        sample["cue"] = saliency.astype(np.float32) / np.float32(255)
        return sample


@dataclass(frozen=True)
class SeedRule:
    """Maps, saliency and tags to a label map.

    Attributes:
        config: the published keys and the section ``seeds``.
        overruled: labels that give way to background.
        cells: side of the maps at which the published rule paints.
    """

    config: SganConfig
    overruled: Sequence[int]
    cells: int

    def __call__(self, maps: npt.NDArray[np.float32], sample: Sample) -> Labels:
        """The label map at image size.

        Args:
            maps: C x h x w of the network.
            sample: of :class:`SeedInput`.
        """
        at = sample["size"] if self.config.seeds.at == "image" else (self.cells, self.cells)
        stacked = maps.transpose(1, 2, 0)
        resized = stacked if stacked.shape[:2] == at else zoom_linear(stacked, at)
        labels = self.labels(resized.transpose(2, 0, 1), zoom_linear(sample["cue"], at), sample["keys"])
        return labels if at == sample["size"] else zoom_nearest(labels, sample["size"], self.config.seeds.repaired_zoom)

    def labels(self, maps: npt.NDArray[np.floating], saliency: npt.NDArray[np.float32], keys: Sequence[int]) -> Labels:
        """The labels at the size of ``maps``, before they are enlarged."""
        config = self.config
        if config.seeds.rectify or config.seeds.rule == "harmonic":
            maps = np.maximum(maps, 0)
        if config.seeds.rule == "harmonic":
            return harmonic_labels(normalised(maps), saliency, keys, config.cam_thresh)
        cues = sec_cues(maps, saliency, keys, config.cam_thresh, config.sal_thresh)
        labels = paint_unambiguous(cues) if config.ignore_conflict else paint_cues(cues, self.overruled)
        if config.seeds.fill == "strongest" and len(keys):
            strongest = normalised(maps)[keys].argmax(0)
            labels = np.where(labels == len(cues), np.asarray(keys)[strongest] + 1, labels).astype(np.uint8)
        return labels


def normalised(maps: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Each map divided by its maximum; maps without a positive value as they are."""
    greatest = maps.max((1, 2), keepdims=True)
    return maps / np.where(greatest > 0, greatest, 1)


class SeedInference:
    """``[sample of SeedInput] -> [Seeded]``."""

    def __init__(self, network: SGAN, rule: SeedRule, combine: bool, device: torch.device) -> None:
        self.network, self.rule = network.to(device).eval(), rule
        self.combine, self.device = combine, device

    @torch.inference_mode()
    def __call__(self, samples: Sequence[Sample]) -> list[Seeded]:
        """Seeds of the samples.

        Raises:
            NonFiniteError: the network gives NaN or infinite values.
        """
        images, salient = (torch.stack([one[name] for one in samples]).to(self.device) for name in ("image", "salient"))
        found = self.network.maps(images, salient)
        maps = (found.cam + found.segmentation if self.combine else found.cam).float().cpu().numpy()
        if not np.isfinite(maps).all():
            raise NonFiniteError("the maps hold NaN or infinite values; check the trained network")
        return [Seeded(self.rule(own, sample), own) for own, sample in zip(maps, samples, strict=True)]


def seed_rule(config: SganConfig, layout: DatasetLayout) -> SeedRule:
    """The rule of a configuration; the classes that background overrules are found by their names."""
    names = config.seeds.overruled
    numbers = [number for number, name in enumerate(layout.classes, start=1) if name in names or names == [ALL]]
    return SeedRule(config, numbers, feature_size(config.resize, config.body.output_stride))


def rule_settings(config: SganConfig) -> dict[str, Any]:
    """What the labels depend on besides the network and the dataset."""
    keys = ("sal_thresh", "cam_thresh", "ignore_conflict", "combine_seedseg", "use_sal", "resize")
    return {key: getattr(config, key) for key in keys} | {"rule": dict(vars(config.seeds))}
