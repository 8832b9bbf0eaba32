"""Label maps of Puzzle-CAM's programs: confident labels for AffinityNet, and the base labels (sod_wsss spec, sections 6.3 and 6.4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from common.crf.presets import PRESETS, CrfSettings
from common.crf.recipes import RECIPES
from common.errors import require
from common.pseudo_labels.background import constant
from common.pseudo_labels.crf import refine_labels
from common.pseudo_labels.labels import LabelMap, ignore_between, pseudo_label
from common.pseudo_labels.rule import Evidence, LabelConfig
from common.report.record import describe_crf
from common.report.results import NONE

LABEL_CRF = RECIPES["label"].settings


@dataclass
class BaseLabelConfig(LabelConfig):
    """How the maps after the random walk become base labels.

    Args:
        crf_iterations: iterations of the CRF; 0 changes nothing.
    """

    # As in the README of Puzzle-CAM; its program has 0.25 and 10 iterations where nothing is said.
    threshold: float = 0.35
    crf: Literal["none", "label", "label_all", "cam"] = "label"
    crf_iterations: int = RECIPES["puzzlecam_label"].settings.iterations

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.crf_iterations >= 0, f"labels.crf_iterations is {self.crf_iterations}; it cannot be negative")

    @property
    def crf_in_words(self) -> str:
        if self.crf == NONE:
            return NONE
        preset = PRESETS[self.crf.removesuffix("_all")]
        return describe_crf(self.crf, replace(preset, iterations=self.crf_iterations))


class ConfidentLabels:
    """``evidence -> label map`` of what AffinityNet may learn from: 0 and classes where two label maps agree, 255 elsewhere.

    Both are the strongest class, or background where no map exceeds a constant, refined by the CRF on hard labels. What is
    foreground with the greater constant, is; what is background with the smaller, is.

    Args:
        foreground, background: the two constants, in 0..1.
        crf: of both.
    """

    def __init__(self, foreground: float, background: float, crf: CrfSettings = LABEL_CRF) -> None:
        self.foreground, self.background, self.crf = foreground, background, crf

    def __call__(self, evidence: Evidence) -> LabelMap:
        return ignore_between(self.refined(evidence, self.foreground), self.refined(evidence, self.background))

    def refined(self, evidence: Evidence, threshold: float) -> LabelMap:
        """uint8 H x W; an image without tags is background, for which published code divides by zero."""
        assert evidence.image is not None
        keys, maps = evidence.cams
        label_map = pseudo_label(maps, keys, constant(threshold, (maps.shape[1], maps.shape[2])))
        return refine_labels(evidence.image, label_map, [0, *(int(key) + 1 for key in keys)], self.crf)
