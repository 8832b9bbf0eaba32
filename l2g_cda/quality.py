"""The published scores of maps at many background thresholds: ``evaluate.py`` and ``evaluate_mthr`` (l2g_cda spec, section 7)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from common.cam.files import find_cams, read_cams
from common.commands import Command, Flag, run_alone
from common.config_files import Renamed
from common.data.images import read_label_map
from common.files import write_text
from common.method.score import label_matrix
from common.method.stage import dataset_of
from common.metrics.confusion import Matrix
from common.metrics.scores import Floats, ratio
from common.metrics.sweep import CamSample, threshold_matrices
from l2g_cda.method import CONFIGS, METHOD, reader_of_attention
from l2g_cda.settings import ALIASES, L2GSettings, with_runs

SWEPT = tuple(0.05 * step for step in range(1, 16))
# Over- and under-activation: the thresholds whose false positives come nearest to these multiples of the best one's.
OVER, UNDER = 1.6, 0.6


@dataclass
class QualitySettings(L2GSettings):
    """Score maps against true masks.

    Args:
        pred_dir: what to read; empty for the run's own maps.
        mode: npy (CAM files), rw (the same up to ``max_th``) or png (label maps).
        max_th: end of the sweep of mode rw.
        thr: thresholds, ascending; empty for the published ones.
        save_path: file of the scores; empty for ``ms/result.txt`` in the run's folder.
    """

    pred_dir: str = ""
    mode: Literal["npy", "rw", "png"] = "npy"
    max_th: float = 0.5
    thr: list[float] = field(default_factory=list)
    save_path: str = ""


class Counts(NamedTuple):
    """Pixels of every label, float64 [n]: true positives, false negatives, false positives."""

    hits: Floats
    missed: Floats
    false: Floats


class CamQuality(NamedTuple):
    """Scores of one threshold.

    Attributes:
        threshold: the background score; None for label maps, which have none.
        miou: percent; the plain mean over all labels, where a label without any pixel counts 0.
        false_positive, false_negative: false pixels over the union, mean over the classes without background.
        foreground_iou: mean IoU without the background, a fraction.
        class_iou: percent, per label.
    """

    threshold: float | None
    miou: float
    false_positive: float
    false_negative: float
    foreground_iou: float
    class_iou: tuple[float, ...]

    def line(self) -> str:
        threshold = "" if self.threshold is None else f"threshold {self.threshold:.2f}: "
        return (
            f"{threshold}mIoU {self.miou:.3f}, FP {self.false_positive:.4f}, FN {self.false_negative:.4f}, "
            f"foreground {100 * self.foreground_iou:.3f}"
        )


def counts_of(matrix: Matrix) -> Counts:
    """The counts of a confusion matrix, int64 [n, n + 1] (rows: truth)."""
    n_labels = matrix.shape[0]
    hits = np.diag(matrix[:, :n_labels]).astype(np.float64)
    return Counts(hits, matrix.sum(axis=1) - hits, matrix[:, :n_labels].sum(axis=0) - hits)


def cam_quality(matrix: Matrix, threshold: float | None) -> CamQuality:
    """The scores of one confusion matrix, int64 [n, n + 1]."""
    counts = counts_of(matrix)
    union = counts.hits + counts.missed + counts.false
    iou, missed, false = (np.nan_to_num(ratio(part, union)) for part in counts)
    means = (float(part[1:].mean()) for part in (false, missed, iou))
    return CamQuality(threshold, float(100 * iou.mean()), *means, tuple((100 * iou).tolist()))


def best_quality(sweep: Sequence[CamQuality]) -> CamQuality:
    """The one with the largest mIoU; the first on ties."""
    return max(sweep, key=lambda quality: quality.miou)


def activation_thresholds(sweep: Sequence[CamQuality]) -> tuple[CamQuality, CamQuality]:
    """Over- and under-activated: false positives nearest to 1.6 and to 0.6 times those of the best."""
    best = best_quality(sweep).false_positive
    over, under = (min(sweep, key=lambda one: abs(one.false_positive - factor * best)) for factor in (OVER, UNDER))
    return over, under


def sweep_record(matrix: Matrix, threshold: float, names: Sequence[str]) -> dict[str, Any]:
    """What ``evaluate_mthr`` writes to ``result.txt`` for one threshold.

    Fractions; the lists hold texts with two decimals, in label order. The published field TN really counts false
    negatives; it keeps its name.

    Args:
        matrix: int64 [n, n + 1].
        names: of all labels, background first.
    """
    hits, missed, false = counts_of(matrix)
    recall, precision, iou = ratio(hits, hits + missed), ratio(hits, hits + false), ratio(hits, hits + missed + false)
    return {
        "Threshold": threshold,
        "Recall": [f"{value:.2f}" for value in recall],
        "Precision": [f"{value:.2f}" for value in precision],
        "Mean_Recall": nan_mean(recall),
        "Mean_Precision": nan_mean(precision),
        "IoU": dict(zip(names, iou.tolist(), strict=True)),
        "Mean IoU": nan_mean(iou),
        "TP": hits.tolist(),
        "TN": missed.tolist(),
        "FP": false.tolist(),
    }


def nan_mean(values: Floats) -> float:
    """Mean of the numbers among ``values`` [n]; NaN without any."""
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")


def evaluate(settings: QualitySettings) -> int:
    """Print the quality of maps or label maps, at every threshold and of the best by class."""
    private = Path(settings.data.root) / f"{settings.split}1.txt"
    if not settings.data.train_list and private.is_file():
        # The list that the published script reads.
        settings.data.train_list, settings.split = str(private), "train"
    layout = dataset_of(settings)
    ids, names = layout.ids(settings.split), ["background", *layout.classes]
    folder = Path(settings.pred_dir or Path(settings.out) / "cam_npy_aff")
    if settings.mode == "png":
        sweep = [cam_quality(label_matrix(layout, ids, folder), None)]
    else:
        end = settings.max_th if settings.mode == "rw" else 1.0
        thresholds = settings.thr or [threshold for threshold in SWEPT if threshold < end]

        def sample(image_id: str) -> CamSample:
            return CamSample(read_label_map(layout.mask_path(image_id)), *read_cams(find_cams(folder, image_id)))

        matrices = threshold_matrices(sample, ids, thresholds, len(names))
        sweep = [cam_quality(*pair) for pair in zip(matrices, thresholds, strict=True)]
        print("\n".join(quality.line() for quality in sweep))
    best = best_quality(sweep)
    print("\n".join(f"{name:>14}: {iou:7.3f}" for name, iou in zip(names, best.class_iou, strict=True)))
    print(best.line())
    if settings.mode == "rw":
        over, under = activation_thresholds(sweep)
        print(f"over-activation:  {over.line()}\nunder-activation: {under.line()}")
    return 0


def sweep_thresholds(thresholds: Sequence[float], settings: QualitySettings) -> int:
    """Score the labels that the attention maps give at every threshold; one JSON object per line in the result file.

    The published script appends to that file each time; here it holds the last sweep.
    """
    layout, read = dataset_of(settings), reader_of_attention(settings)
    ids, names = layout.ids(settings.split), ["background", *layout.classes]
    tried = settings.thr or thresholds
    matrices = threshold_matrices(
        lambda image_id: CamSample(read_label_map(layout.mask_path(image_id)), *read(image_id)), ids, tried, len(names)
    )
    records = [sweep_record(*pair, names) for pair in zip(matrices, tried, strict=True)]
    path = Path(settings.save_path or Path(settings.out) / "ms" / "result.txt")
    write_text(path, "".join(json.dumps(record) + "\n" for record in records))
    for record in records:
        scores = ", ".join(f"{name} {100 * record[name]:.2f}" for name in ("Mean IoU", "Mean_Precision", "Mean_Recall"))
        print(f"threshold {record['Threshold']:.2f}: {scores}")
    best = max(records, key=lambda record: record["Mean IoU"])
    print(f"best of {len(records)} against the masks of {len(ids)} images: {best['Threshold']:g} ({path})")
    return 0


def run_program(
    name: str, text: str, config: str, run: Callable[[QualitySettings], int], argv: Sequence[str] | None = None
) -> int:
    """A program of the paper that scores maps, with the configuration of its dataset."""
    command = Command(
        text,
        QualitySettings,
        run,
        flags=(
            Flag(("--pred_dir",), "--pred_dir", "FOLDER", "what to read (default: the run's own maps)"),
            Flag(("--save_path",), "--save_path", "FILE", "file of the scores (default ms/result.txt of the run)"),
        ),
        aliases={**ALIASES, "threshold": Renamed("thr", lambda threshold: [threshold])},
        find_config=lambda settings: CONFIGS / config,
        environment=METHOD.environment,
        folder=METHOD.home,
    )
    return run_alone(name, command, with_runs(argv))
