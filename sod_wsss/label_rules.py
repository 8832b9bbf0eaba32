"""Label rules: confident labels for AffinityNet, base labels, the salient object selector (sod_wsss spec, sections 6.2 to 6.4).

The selector is Algorithm 1 of the paper, for images of one class: where saliency and pseudo label agree, saliency takes the label's place.
The threshold is higher for classes whose objects are seldom salient.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from common.bounds import bounded, bounded_share, require_bounds
from common.crf.presets import PRESETS, CrfSettings
from common.crf.recipes import RECIPES
from common.data.colours import Uint8
from common.errors import DataError
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
    crf_iterations: int = bounded(RECIPES["puzzlecam_label"].settings.iterations, least=0, most=1000)

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


WHITE = 255


class SelectedLabel(NamedTuple):
    """Attributes: label_map: uint8 H x W; iou: agreement of saliency and label, None where they were not compared."""

    label_map: LabelMap
    iou: float | None


@dataclass
class SelectorConfig:
    """When saliency replaces the pseudo label of an image.

    Args:
        labels: folder of the label maps <id>.png that it starts from, of any method; empty for the method's own.
        least_iou: agreement (IoU of the foregrounds) above which it does, for classes whose objects are salient (t0).
        weak_margin: how much more it takes for the others (t1).
        weak_classes: their names.
        one_threshold: the threshold (alpha) for all classes in place of these; -1 for none. At 1 nothing is replaced.
        salient_above: saliency in 0..1 above which a pixel belongs to the object.
    """

    labels: str = ""
    least_iou: float = bounded_share(0.4)
    weak_margin: float = bounded_share(0.2)
    weak_classes: list[str] = field(default_factory=lambda: ["chair", "sofa"])
    one_threshold: float = bounded(-1.0, least=0, most=1, also=(-1,))
    salient_above: float = bounded_share(0.5)

    def __post_init__(self) -> None:
        require_bounds(self, "select")

    def is_salient(self, saliency: Uint8) -> npt.NDArray[np.bool_]:
        """uint8 H x W to the pixels of the object."""
        return saliency > self.salient_above * WHITE


def foreground_iou(salient: npt.NDArray[np.bool_], labelled: npt.NDArray[np.bool_]) -> float:
    """Intersection over union of two masks H x W; 0 where both are empty."""
    union = np.count_nonzero(salient | labelled)
    return np.count_nonzero(salient & labelled) / union if union else 0.0


def select_salient(
    label_map: LabelMap, salient: npt.NDArray[np.bool_], classes: Collection[int], threshold: float
) -> SelectedLabel:
    """The label map with the salient region for its object where both agree.

    Images of several classes, an empty saliency map and a label without its object stay as they are; a replaced label has no ignored
    pixels.

    Args:
        label_map: uint8 H x W: 0 background, 1..C classes, 255 ignored.
        salient: H x W.
        classes: the image's classes, 1..C.
        threshold: the agreement has to be above it.

    Raises:
        DataError: label map and saliency have different sizes.
    """
    if label_map.shape != salient.shape:
        raise DataError(f"the saliency map is {salient.shape} but the label map {label_map.shape}; make them alike")
    if len(classes) != 1:
        return SelectedLabel(label_map, None)
    (number,) = classes
    labelled = label_map == number
    iou = foreground_iou(salient, labelled)
    if not salient.any() or not labelled.any() or not iou > threshold:
        return SelectedLabel(label_map, iou)
    return SelectedLabel(np.where(salient, number, 0).astype(np.uint8), iou)


def threshold_of(config: SelectorConfig, class_name: str) -> float:
    """The agreement that a class needs."""
    if config.one_threshold >= 0:
        return config.one_threshold
    return config.least_iou + (config.weak_margin if class_name in config.weak_classes else 0.0)


class SalientSelector:
    """The label rule: tags, saliency and a label map to the label map that goes on.

    Args:
        config: thresholds.
        class_names: in label order, without the background.
    """

    def __init__(self, config: SelectorConfig, class_names: Sequence[str]) -> None:
        self.config = config
        self.thresholds = [threshold_of(config, name) for name in class_names]

    def __call__(self, evidence: Evidence) -> LabelMap:
        label_map = evidence.labels[0]
        if self.config.one_threshold == 1:
            return label_map
        assert evidence.saliency is not None
        classes = [int(key) + 1 for key in evidence.cams.keys]
        salient = self.config.is_salient(evidence.saliency)
        threshold = self.thresholds[classes[0] - 1] if len(classes) == 1 else 1.0
        return select_salient(label_map, salient, classes, threshold).label_map
