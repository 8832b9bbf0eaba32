"""The published scores of maps at many background thresholds: ``evaluate.py`` and ``evaluate_mthr`` (l2g_cda spec, section 7)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from common.bounds import bounded, bounded_share
from common.cam.files import Cams, find_cams, read_cams
from common.commands import Flag
from common.data.images import read_label_map
from common.data.layout import DatasetLayout
from common.files import write_text
from common.method.score import evaluate_labels
from common.method.settings import ScoredFiles
from common.method.stage import dataset_of
from common.metrics.confusion import Matrix
from common.metrics.scores import Floats, ratio
from common.metrics.sweep import CamSample, threshold_matrices
from l2g_cda.method import PSEUDO_LABELS
from l2g_cda.settings import L2GSettings

SWEPT = tuple(0.05 * step for step in range(1, 16))
# Over- and under-activation: the thresholds whose false positives come nearest to these multiples of the best one's.
OVER, UNDER = 1.6, 0.6
QUALITY_FLAGS = (
    Flag(("--pred_dir",), "--pred_dir", "FOLDER", "what to read (default: the run's own maps)"),
    Flag(("--save_path",), "--save_path", "FILE", "file of the scores (default ms/result.txt of the run)"),
)


@dataclass
class QualitySettings(L2GSettings, ScoredFiles):
    """Score maps against true masks: those of ``pred_dir``, else the run's own; to ``save_path``, else ``ms/result.txt``.

    Args:
        mode: npy (CAM files), rw (the same up to ``max_th``) or png (label maps).
        max_th: end of the sweep of mode rw.
        thr: thresholds, ascending; empty for the published ones.
    """

    mode: Literal["npy", "rw", "png"] = "npy"
    max_th: float = bounded_share(0.5)
    thr: list[float] = bounded([], least=0, most=1, ascending=True)


class CamQuality(NamedTuple):
    """Scores of one threshold (None for label maps): means in which a label without any pixel counts 0.

    IoU of all labels in percent; false positives, false negatives and foreground of the classes alone, as fractions.
    """

    threshold: float | None
    miou: float
    false_positive: float
    false_negative: float
    foreground_iou: float
    class_iou: list[float]

    def line(self) -> str:
        return (
            ("" if self.threshold is None else f"threshold {self.threshold:.2f}: ")
            + f"mIoU {self.miou:.3f}, FP {self.false_positive:.4f}, FN {self.false_negative:.4f}, "
            + f"foreground {100 * self.foreground_iou:.3f}"
        )


def counts_of(matrix: Matrix) -> tuple[Floats, Floats, Floats]:
    """True positives, false negatives and false positives, each [n], of a confusion matrix int64 [n, n + 1]."""
    hits = np.diag(matrix[:, :-1]).astype(np.float64)
    return hits, matrix.sum(axis=1) - hits, matrix[:, :-1].sum(axis=0) - hits


def cam_quality(matrix: Matrix, threshold: float | None) -> CamQuality:
    """The scores of one confusion matrix, int64 [n, n + 1]."""
    counts = counts_of(matrix)
    iou, missed, false = (np.nan_to_num(ratio(part, counts[0] + counts[1] + counts[2])) for part in counts)
    false_share, missed_share, foreground = (float(part[1:].mean()) for part in (false, missed, iou))
    return CamQuality(threshold, float(100 * iou.mean()), false_share, missed_share, foreground, (100 * iou).tolist())


def best_quality(sweep: Sequence[CamQuality]) -> CamQuality:
    """The one with the largest mIoU; the first on ties."""
    return max(sweep, key=lambda quality: quality.miou)


def activation_thresholds(sweep: Sequence[CamQuality]) -> list[CamQuality]:
    """Over- and under-activated: false positives nearest to 1.6 and to 0.6 times those of the best."""
    best = best_quality(sweep).false_positive
    return [min(sweep, key=lambda one: abs(one.false_positive - factor * best)) for factor in (OVER, UNDER)]


def sweep_record(matrix: Matrix, threshold: float, names: Sequence[str]) -> dict[str, Any]:
    """What ``evaluate_mthr`` writes to ``result.txt`` for one threshold, of a matrix int64 [n, n + 1] and n label names.

    Fractions; the lists hold texts with two decimals, in label order. The published field TN really counts false
    negatives; it keeps its name.
    """

    def mean(values: Floats) -> float:
        return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")

    hits, missed, false = counts_of(matrix)
    recall, precision, iou = (ratio(hits, hits + other) for other in (missed, false, missed + false))
    return {
        "Threshold": threshold,
        "Recall": [f"{value:.2f}" for value in recall],
        "Precision": [f"{value:.2f}" for value in precision],
        "Mean_Recall": mean(recall),
        "Mean_Precision": mean(precision),
        "IoU": dict(zip(names, iou.tolist(), strict=True)),
        "Mean IoU": mean(iou),
        **{name: counts.tolist() for name, counts in (("TP", hits), ("TN", missed), ("FP", false))},
    }


def swept(
    layout: DatasetLayout, ids: list[str], thresholds: Sequence[float], read: Callable[[str], Cams]
) -> list[Matrix]:
    """A confusion matrix, int64 [n, n + 1], per threshold, of all labels."""
    return threshold_matrices(
        lambda image_id: CamSample(read_label_map(layout.mask_path(image_id), layout.upright), *read(image_id)),
        *(ids, thresholds, layout.n_classes + 1),
    )


def print_quality(settings: QualitySettings) -> int:
    """Print the quality of maps or label maps, at every threshold and of the best by class."""
    private = Path(settings.data.root) / f"{settings.split}1.txt"
    if not settings.data.train_list and private.is_file():
        # The list that the published script reads.
        settings.data.train_list, settings.split = str(private), "train"
    layout = dataset_of(settings)
    ids, folder = layout.ids(settings.split), Path(settings.pred_dir or Path(settings.out) / "cam_npy_aff")
    if settings.mode == "png":
        sweep = [cam_quality(evaluate_labels(layout, ids, folder).matrix, None)]
    else:
        end = settings.max_th if settings.mode == "rw" else 1.0
        tried = settings.thr or [threshold for threshold in SWEPT if threshold < end]
        matrices = swept(layout, ids, tried, lambda image_id: read_cams(find_cams(folder, image_id)))
        sweep = [cam_quality(*pair) for pair in zip(matrices, tried, strict=True)]
        print("\n".join(quality.line() for quality in sweep))
    for name, iou in zip(["background", *layout.classes], best_quality(sweep).class_iou, strict=True):
        print(f"{name:>14}: {iou:7.3f}")
    print(best_quality(sweep).line())
    if settings.mode == "rw":
        over, under = activation_thresholds(sweep)
        print(f"over-activation:  {over.line()}\nunder-activation: {under.line()}")
    return 0


def sweep_thresholds(thresholds: Sequence[float], settings: QualitySettings) -> int:
    """Score the labels that the attention maps give at every threshold; one JSON object per line in the result file.

    The published script appends to that file each time; here it holds the last sweep.
    """
    layout, tried = dataset_of(settings), settings.thr or thresholds
    ids, names = layout.ids(settings.split), ["background", *layout.classes]
    matrices = swept(layout, ids, tried, PSEUDO_LABELS.map_reader(settings))
    records = [sweep_record(*pair, names) for pair in zip(matrices, tried, strict=True)]
    path = Path(settings.save_path or Path(settings.out) / "ms" / "result.txt")
    write_text(path, "".join(json.dumps(record) + "\n" for record in records))
    for record in records:
        scores = ", ".join(f"{name} {100 * record[name]:.2f}" for name in ("Mean IoU", "Mean_Precision", "Mean_Recall"))
        print(f"threshold {record['Threshold']:.2f}: {scores}")
    best = max(records, key=lambda record: record["Mean IoU"])
    print(f"best of {len(records)} against the masks of {len(ids)} images: {best['Threshold']:g} ({path})")
    return 0
