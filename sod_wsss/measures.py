"""How good saliency maps are: the measures of the field, from the package pysodmetrics, guarded where it goes wrong.

The package's input is prepared here instead of by itself: it stretches every map to 0..1, so that a single pixel can
move all scores, and takes a mask of 0 and 1 for an empty one. Its S-measure is no number where a corner of the image
ends the object, its E-measure of a perfect map exceeds 1, and a black map marks everything at the adaptive threshold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from common.errors import ConfigError

SMeasure = Literal["field", "published"]
Numbers = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

INSTALL = 'pip install "wsss-toolbox[saliency]"'
# Weight of precision in the F-measure, and the highest grey level of a mask that is background: as in the field.
BETA = 0.3
BACKGROUND_LEVELS = 128
# Names of the scores of a dataset, in the order in which they are shown.
MEASURES = ("mae", "max_f", "adaptive_f", "weighted_f", "s_measure", "adaptive_e", "max_e", "mean_e", "iou", "soft_iou")


@dataclass(frozen=True)
class SaliencyMeasures:
    """Scores of one map. Those that an empty mask leaves undefined are NaN.

    Attributes:
        mae: mean absolute error.
        iou: of the pixels of at least 0.5; NaN for an empty mask.
        soft_iou: of the map's values themselves; NaN for an empty mask.
        adaptive_f: F-measure at twice the map's mean; NaN for an empty mask.
        weighted_f: weighted F-measure; 0 for an empty mask.
        s_measure, adaptive_e: defined for an empty mask too: the map's background.
        precision, recall: at 256 thresholds; NaN for an empty mask.
        e_curve: E-measure at 256 thresholds.
    """

    mae: float
    iou: float
    soft_iou: float
    adaptive_f: float
    weighted_f: float
    s_measure: float
    adaptive_e: float
    precision: Numbers
    recall: Numbers
    e_curve: Numbers


def sod_package() -> Any:
    """The package ``py_sod_metrics``.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return import_module("py_sod_metrics")
    except ImportError as error:
        raise ConfigError(
            f"the saliency measures need pysodmetrics, which is not there ({error}): {INSTALL}"
        ) from error


def object_mask(levels: npt.NDArray[np.uint8]) -> tuple[Mask, bool]:
    """Which pixels of a mask (uint8, H x W) belong to the object, and whether it is coded as 0 and 1 instead of 0 and 255."""
    zero_and_one = levels.max() == 1
    return (levels > (0 if zero_and_one else BACKGROUND_LEVELS)), bool(zero_and_one)


def measure_map(saliency: Numbers, mask: Mask, s_measure: SMeasure = "field") -> SaliencyMeasures:
    """The scores of one map.

    Args:
        saliency: H x W, 0..1, compared as it is, not stretched.
        mask: H x W, true on the object.
        s_measure: ``field`` as in the field's tables; ``published`` as in the test script of the paper's authors, whose
            covariance is divided by one pixel less than its variances, so that it exceeds 1 for a perfect map.

    Raises:
        ConfigError: pysodmetrics is not installed.
    """
    package = sod_package()
    empty, black = not mask.any(), not saliency.any()
    e_measure, weighted = package.Emeasure(), package.WeightedFmeasure()
    e_measure.step(saliency, mask, normalize=False)
    weighted.step(saliency, mask, normalize=False)
    e = e_measure.get_results()["em"]
    precision, recall = precision_recall_curves(saliency, mask)
    return SaliencyMeasures(
        mae=float(np.abs(saliency - mask).mean()),
        iou=math.nan if empty else overlap(saliency >= 0.5, mask),
        soft_iou=math.nan if empty else overlap(saliency, mask),
        adaptive_f=math.nan if empty else adaptive_f(saliency, mask),
        weighted_f=float(weighted.get_results()["wfm"]),
        s_measure=s_measure_of(package.Smeasure(), saliency, mask, s_measure),
        adaptive_e=1.0 if empty and black else min(1.0, float(e["adp"])),
        precision=precision,
        recall=recall,
        e_curve=np.minimum(1.0, e["curve"]),
    )


def f_measure(precision: Numbers, recall: Numbers) -> Numbers:
    """F-measure, 0 where precision and recall are."""
    both = BETA * precision + recall
    return (1 + BETA) * precision * recall / np.where(both > 0, both, 1)


def adaptive_f(saliency: Numbers, mask: Mask) -> float:
    """F-measure of the pixels of at least twice the map's mean, at most 1; a black map marks none. The mask is not empty."""
    threshold = min(2 * saliency.mean(), 1.0)
    marked = (saliency >= threshold) & (saliency > 0)
    hits = np.float64((marked & mask).sum())
    return float(f_measure(hits / max(marked.sum(), 1), hits / mask.sum()))


def precision_recall_curves(saliency: Numbers, mask: Mask) -> tuple[Numbers, Numbers]:
    """Precision and recall of the pixels of at least 255/255, 254/255, ..., 0; NaN for an empty mask."""
    if not mask.any():
        return np.full(256, np.nan), np.full(256, np.nan)
    levels = (saliency * 255).astype(np.uint8)
    hits = np.bincount(levels[mask], minlength=256)[::-1].cumsum()
    marked = np.bincount(levels.ravel(), minlength=256)[::-1].cumsum()
    return hits / np.maximum(marked, 1), hits / mask.sum()


def overlap(saliency: npt.NDArray[Any], mask: Mask) -> float:
    """Intersection over union of a map (0..1, or true and false) and a mask, not both empty."""
    common = float(saliency[mask].sum())
    return common / (float(saliency.sum()) + float(mask.sum()) - common)


def s_measure_of(measure: Any, saliency: Numbers, mask: Mask, kind: SMeasure) -> float:
    """S-measure of one map by the package's ``Smeasure``, with a quadrant without pixels counted as nothing."""
    similarity = measure.ssim

    def of_quadrant(saliency: Numbers, mask: Mask) -> float:
        if not mask.size:
            return 0.0
        flat = saliency.min() == saliency.max() or mask.min() == mask.max()
        factor = mask.size / (mask.size - 1) if kind == "published" and not flat else 1.0
        return factor * float(similarity(saliency, mask))

    def of_object(values: Numbers) -> float:
        mean = values.mean()
        return float(2 * mean / (mean**2 + 1 + values.std()))

    measure.ssim = of_quadrant
    if kind == "published":
        measure.s_object = of_object
    return float(measure.cal_sm(saliency, mask))


def mean_scores(scores: Sequence[SaliencyMeasures]) -> dict[str, float]:
    """The scores of a dataset, by the names of ``MEASURES``.

    ``max_f`` is the best F-measure of the mean precision and recall over all thresholds, ``max_e`` the best of the mean
    E-measure. Maps for which a measure is undefined do not count in it; without any other it is NaN.
    """
    precision, recall = (defined_mean([getattr(one, name) for one in scores]) for name in ("precision", "recall"))
    e_curve = np.mean([one.e_curve for one in scores], axis=0)
    means = {
        name: float(defined_mean([getattr(one, name) for one in scores]))
        for name in MEASURES
        if name not in ("max_f", "max_e", "mean_e")
    }
    means |= {"max_f": float(f_measure(precision, recall).max()), "max_e": float(e_curve.max())}
    means["mean_e"] = float(e_curve.mean())
    return {name: means[name] for name in MEASURES}


def defined_mean(values: Sequence[float | Numbers]) -> Numbers:
    """The mean over those of ``values`` that are defined, NaN where none is."""
    stacked = np.array(values, np.float64)
    defined = stacked[~np.isnan(stacked.reshape(len(stacked), -1)).any(1)]
    return np.asarray(defined.mean(0) if len(defined) else stacked[0])
