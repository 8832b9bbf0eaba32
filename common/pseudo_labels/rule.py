"""Plain CAM's label rule: the strongest tagged class, or background by a constant, a power of the maps, or saliency."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from common.bounds import bounded, bounded_share, require_bounds
from common.cam.files import Cams
from common.crf.presets import PRESETS
from common.errors import ConfigError, DataError
from common.pseudo_labels import background
from common.pseudo_labels.crf import refine_labels, refine_maps
from common.pseudo_labels.labels import LabelMap, pseudo_label


class Evidence(NamedTuple):
    """What a label rule may look at.

    Attributes:
        id: the image's.
        cams: maps of its tagged classes.
        image: uint8 RGB, H x W x 3; None unless the rule needs it.
        saliency: uint8, H x W; None unless the rule needs it.
        labels: label maps (uint8, H x W) of the stages that the rule starts from besides the maps, in their order.
    """

    id: str
    cams: Cams
    image: npt.NDArray[np.uint8] | None = None
    saliency: npt.NDArray[np.uint8] | None = None
    labels: tuple[LabelMap, ...] = ()


class LabelRule(Protocol):
    """``evidence -> label map`` (uint8, H x W: 0 background, 1..C classes, 255 ignored); picklable."""

    def __call__(self, evidence: Evidence) -> LabelMap: ...


@dataclass
class LabelConfig:
    """How maps become pseudo labels.

    Args:
        background: constant (plain CAM), power ((1 - max) ** alpha), saliency (CAM x saliency: background where
            saliency <= saliency_threshold, elsewhere the strongest tagged class) or mean (background where the weighted mean of
            saliency and the strongest map is at most saliency_threshold).
        threshold: constant background score in 0..1.
        choose_threshold: where the constant comes from: fixed (threshold above), tags (from maps and photographs alone, see
            :mod:`common.pseudo_labels.tag_threshold`) or oracle (the best against the masks of the list); the results say which.
            true is oracle, false is fixed.
        alpha: exponent of the power background.
        saliency_threshold: in 0..1.
        saliency_share: weight of saliency in the mean, below 1. Where it is above the threshold, saliency alone suffices.
        crf: none, label (CRF on the hard labels, as IRN), label_all (the same, but all labels of the dataset share the doubt,
            as SMAF) or cam (CRF on the maps and the power background, as EPS).
    """

    background: Literal["constant", "power", "saliency", "mean"] = "constant"
    threshold: float = bounded_share(0.25)
    choose_threshold: bool | Literal["fixed", "tags", "oracle"] = "fixed"
    alpha: float = bounded(8.0, above=0, most=1e4)
    saliency_threshold: float = bounded_share(0.5)
    saliency_share: float = bounded(0.5, least=0, below=1)
    crf: Literal["none", "label", "label_all", "cam"] = "none"

    def __post_init__(self) -> None:
        if isinstance(self.choose_threshold, bool):
            self.choose_threshold = "oracle" if self.choose_threshold else "fixed"
        if self.background != "power" and self.crf == "cam":
            raise ConfigError(
                f"labels.crf cam works on the power background; with labels.background {self.background} use crf label"
            )
        require_bounds(self, "labels")

    @property
    def uses_saliency(self) -> bool:
        """Whether the background depends on saliency maps."""
        return self.background in ("saliency", "mean")

    @property
    def stated_threshold(self) -> float:
        """What a result states as its threshold: the one number that the background in use depends on."""
        return {
            "constant": self.threshold,
            "power": self.alpha,
            "saliency": self.saliency_threshold,
            "mean": self.saliency_threshold,
        }[self.background]


class CamRule:
    """``evidence -> label map`` of uint8, H x W: 0 background, 1..C classes.

    Args:
        config: background and CRF.
        n_labels: labels of the dataset, background included.
        iterations: of the CRF; None for those of its preset.
    """

    def __init__(self, config: LabelConfig, n_labels: int, iterations: int | None = None) -> None:
        self.config, self.n_labels = config, n_labels
        self.crf = {
            name: preset if iterations is None else replace(preset, iterations=iterations)
            for name, preset in PRESETS.items()
        }

    def __call__(self, evidence: Evidence) -> LabelMap:
        keys, maps = evidence.cams
        scores = self.background_scores(evidence)
        if self.config.crf == "cam":
            assert evidence.image is not None
            maps, scores = refine_maps(evidence.image, maps, scores, self.crf["cam"])
        label_map = pseudo_label(maps, keys, scores)
        if self.config.crf in ("label", "label_all"):
            assert evidence.image is not None
            of_image = [0, *(int(key) + 1 for key in keys)]
            choice = of_image if self.config.crf == "label" else range(self.n_labels)
            label_map = refine_labels(evidence.image, label_map, choice, self.crf["label"])
        return label_map

    def background_scores(self, evidence: Evidence) -> np.ndarray:
        """float32 H x W, to hold against the maps: 0..1, or infinite where saliency decides."""
        maps, saliency = evidence.cams.maps, evidence.saliency
        size = (maps.shape[1], maps.shape[2])
        if self.config.background == "power":
            return background.power(maps, self.config.alpha)
        if self.config.background == "constant":
            return background.constant(self.config.threshold, size)
        assert saliency is not None
        if saliency.shape != size:
            raise DataError(
                f"{evidence.id}: the saliency map is {saliency.shape} but the image is {size} (height, width); "
                "make them the same size"
            )
        if self.config.background == "mean":
            return background.saliency_mean(saliency, self.config.saliency_threshold, self.config.saliency_share)
        return background.saliency_mask(saliency, self.config.saliency_threshold)
