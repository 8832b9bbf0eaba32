"""What other packages say for the same masks: all of it is called mean IoU, from 0.083 to 0.940 for one and the same image.

They differ in what a class counts that is in neither map of an image or list (absent), or in predictions alone; in whether images are
pooled before the ratio is taken or their ratios are averaged; and in what the ignore label does. Each rule below is a few lines over
the counts of :class:`PixelCounts`, so that a number from elsewhere can be set beside ours without the package. All of them count
exactly here; mmsegmentation and segmentation-models-pytorch count in float32, which stops at 16,777,216 pixels per class and image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.errors import DataError
from common.metrics.confusion import LabelMap, Matrix, confusion_matrix

Floats = npt.NDArray[np.float64]
# kornia's eps, and that of ignite.
KORNIA_EPS, IGNITE_EPS = 1e-6, 1e-15


@dataclass(frozen=True)
class PixelCounts:
    """Pixels of a list of images, without those that the truth ignores.

    Attributes:
        hits, truth, predicted: int64 [N, C]: by image and label, right, true and predicted pixels.
        ignored: pixels that the truth ignores, which some packages refuse.
        outside: pixels whose prediction is none of the labels (255), which some packages refuse.
    """

    hits: Matrix
    truth: Matrix
    predicted: Matrix
    ignored: int
    outside: int

    @property
    def union(self) -> Matrix:
        """int64 [N, C]."""
        return self.truth + self.predicted - self.hits

    def pooled(self) -> PixelCounts:
        """The list as one image, [1, C]."""
        hits, truth, predicted = (array.sum(axis=0, keepdims=True) for array in (self.hits, self.truth, self.predicted))
        return PixelCounts(hits, truth, predicted, self.ignored, self.outside)


@dataclass(frozen=True)
class Rule:
    """How a package makes one number.

    Attributes:
        call: the package, the version that was read and run, and the call.
        score: counts -> 0..1.
        absent, only_predicted: what a class counts that is in neither map, or in the prediction alone.
        takes_ignored: whether it can leave pixels of the truth out by an ignore label.
        on_outside: what it does with predictions that are none of the labels, where these are no errors of the true class.
    """

    call: str
    score: Callable[[PixelCounts], float]
    absent: str
    only_predicted: str
    takes_ignored: bool = True
    on_outside: str = "refuses predictions that are no label"


def count_pixels(pairs: Sequence[tuple[LabelMap, LabelMap]], n_labels: int) -> PixelCounts:
    """The counts of (truth, prediction), integers H x W each, as of :func:`common.metrics.confusion.confusion_matrix`."""
    return join_counts([count_image(truth, prediction, n_labels) for truth, prediction in pairs])


def count_image(truth: LabelMap, prediction: LabelMap, n_labels: int) -> PixelCounts:
    """The counts of one image, N = 1."""
    matrix = confusion_matrix(truth, prediction, n_labels)
    labels = matrix[:, :n_labels]
    hits, true, predicted = np.diag(labels)[None], matrix.sum(axis=1)[None], labels.sum(axis=0)[None]
    return PixelCounts(hits, true, predicted, truth.size - int(matrix.sum()), int(matrix[:, n_labels].sum()))


def join_counts(images: Sequence[PixelCounts]) -> PixelCounts:
    """The counts of several lists of images as one.

    Raises:
        DataError: there is none.
    """
    if not images:
        raise DataError("no image was counted; give a list with at least one id.")
    hits, truth, predicted = (
        np.concatenate([getattr(one, name) for one in images]) for name in ("hits", "truth", "predicted")
    )
    return PixelCounts(hits, truth, predicted, sum(one.ignored for one in images), sum(one.outside for one in images))


def iou(counts: PixelCounts, absent: float) -> Floats:
    """hits / union by image and label, float64 [N, C]; ``absent`` where the union is empty."""
    union = counts.union
    return np.where(union > 0, counts.hits / np.maximum(union, 1), absent)


def mean_present(counts: PixelCounts) -> float:
    """Mean over the classes of the truth, pooled: VOC's, and this toolbox's."""
    pooled = counts.pooled()
    return float(iou(pooled, np.nan)[pooled.truth > 0].mean())


def mean_occurring(counts: PixelCounts) -> float:
    """Mean over the classes that occur in truth or prediction, pooled."""
    return float(np.nanmean(iou(counts.pooled(), np.nan)))


def mean_of_all(absent: float) -> Callable[[PixelCounts], float]:
    """Mean over all classes, pooled, where an absent one counts ``absent``."""
    return lambda counts: float(iou(counts.pooled(), absent).mean())


def mean_over_images(counts: PixelCounts) -> float:
    """Mean of all (image, class) pairs, where a pair that is absent counts 1."""
    return float(iou(counts, 1).mean())


def mean_of_pairs(counts: PixelCounts) -> float:
    """Mean of the (image, class) pairs that occur, pooled: images of many classes weigh more."""
    return float(np.nanmean(iou(counts, np.nan)))


def mean_of_image_means(counts: PixelCounts) -> float:
    """Mean over images of the mean over the classes in the image's truth; images without a counted pixel are left out."""
    values = np.where(counts.truth > 0, iou(counts, 0), np.nan)
    return float(np.nanmean(np.nanmean(values[(counts.truth > 0).any(axis=1)], axis=1)))


def mean_with_eps(counts: PixelCounts) -> float:
    """Mean of all (image, class) pairs of (hits + eps) / (union + eps)."""
    return float(((counts.hits + KORNIA_EPS) / (counts.union + KORNIA_EPS)).mean())


def mean_with_tiny_union(counts: PixelCounts) -> float:
    """Mean over all classes of hits / (union + 1e-15), pooled."""
    pooled = counts.pooled()
    return float((pooled.hits / (pooled.union + IGNITE_EPS)).mean())


RULES: Mapping[str, Rule] = {
    "torchmetrics": Rule(
        *("torchmetrics 1.9.0, MulticlassJaccardIndex(average='macro')", mean_occurring, "left out", "counts 0"),
        on_outside="files predictions that are no label under two other labels, or fails",
    ),
    "torchmetrics-pairs": Rule(
        *("torchmetrics 1.9.0, segmentation.MeanIoU", mean_of_pairs, "left out, image by image", "counts 0 in its image"),
        takes_ignored=False,
    ),
    "keras": Rule("keras 3.15.1, MeanIoU", mean_occurring, "left out", "counts 0"),
    "mmseg": Rule(
        "mmsegmentation 1.2.2, IoUMetric", mean_occurring, "left out", "counts 0", on_outside=""
    ),
    "smp": Rule(
        *("segmentation-models-pytorch 0.6.0, iou_score(reduction='macro')", mean_of_all(1), "counts 1", "counts 0"),
        on_outside="",
    ),
    "smp-imagewise": Rule(
        *("segmentation-models-pytorch 0.6.0, iou_score(reduction='macro-imagewise')", mean_over_images),
        *("counts 1 in each image without it", "counts 0 in its image"),
        on_outside="",
    ),
    "monai": Rule(
        *("monai 1.6.1, MeanIoU", mean_of_image_means, "left out, image by image", "left out, image by image"),
        takes_ignored=False,
    ),
    "kornia": Rule(
        *("kornia 0.9.0, mean_iou, averaged", mean_with_eps, "counts 1 in each image without it", "counts near 0"),
        takes_ignored=False,
    ),
    "ignite": Rule("pytorch-ignite 0.5.5, mIoU", mean_with_tiny_union, "counts 0", "counts 0"),
}  # fmt: skip


def refusal(rule: Rule, counts: PixelCounts) -> str:
    """Why the package would not score these masks, "" if it does."""
    if counts.ignored and not rule.takes_ignored:
        return f"it has no ignore label, and the truth ignores {counts.ignored:,} pixels; here they are left out"
    if counts.outside and rule.on_outside:
        return f"it {rule.on_outside} ({counts.outside:,} pixels); here they are errors of the true class"
    return ""


def elsewhere_table(names: Sequence[str], counts: PixelCounts) -> str:
    """Our two means, and those of the named rules of :data:`RULES`, as aligned text in percent."""
    rows = [
        (
            "this toolbox, classes of the truth (--over present)",
            mean_present(counts),
            "absent left out; only predicted left out",
        ),
        (
            "this toolbox, classes that occur (--over all)",
            mean_occurring(counts),
            "absent left out; only predicted counts 0",
        ),
    ]
    for name in names:
        rule = RULES[name]
        why = refusal(rule, counts)
        remark = f"absent {rule.absent}; only predicted {rule.only_predicted}" + (f"; {why}" if why else "")
        rows.append((rule.call, rule.score(counts), remark))
    width = max(len(call) for call, _, _ in rows)
    lines = [f"{call:{width}}  {100 * value:6.2f}  {remark}" for call, value, remark in rows]
    return "\n".join(["the same masks, scored elsewhere (mean IoU)", *lines])
