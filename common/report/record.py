"""From a confusion matrix to a result with its provenance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.crf.presets import CrfSettings
from common.data.layout import DatasetLayout
from common.data.list_source import describe_split
from common.metrics.confusion import Matrix
from common.metrics.scores import MeanOver, Scores, compute_scores, restrict_truth
from common.metrics.selection import score_labels
from common.provenance import current_command_line, current_commit, current_versions
from common.report.results import NONE, Result

FLOOR = "all background"


@dataclass(frozen=True)
class Evaluated:
    """What was evaluated: the fields that a result shares with its floor.

    Attributes:
        split: the list, ``train`` or ``val``.
        n_images: images of that list that were scored.
        run_folder: where the outputs lie.
        seed: of the training that made them.
        score_classes: names to score, empty for all; the others are ignored in the masks.
        part: which images of the list, in words, where not all: such numbers get columns of their own.
        left_out: images of the list that could not be scored, as a stage failed with them.
    """

    split: str
    n_images: int
    run_folder: Path | str
    seed: int
    score_classes: Sequence[str] = ()
    part: str = ""
    left_out: int = 0


def make_result(
    matrix: Matrix,
    layout: DatasetLayout,
    evaluated: Evaluated,
    *,
    method: str,
    stage: str,
    steps: Mapping[str, int],
    threshold: float | None = None,
    threshold_choice: str = "not used",
    crf: str = NONE,
    initial_weights: str = NONE,
    saliency_source: str = NONE,
    tag_source: str = NONE,
    tags_given: bool = False,
) -> Result:
    """The record of one evaluation; see :class:`Result` for the fields.

    Args:
        matrix: int64 [n, n + 1] over all labels of the dataset, see :func:`common.metrics.confusion.confusion_matrix`.
        steps: optimiser steps per trained network, empty where nothing was trained.
    """
    labels, names = score_labels(layout.classes, evaluated.score_classes)
    scores = compute_scores(restrict_truth(matrix, labels), names)
    return Result(
        method=method,
        stage=stage,
        dataset=layout.name,
        list=list_name(layout, evaluated.split),
        known_list=describe_split(layout, evaluated.split) or NONE,
        split=f"{evaluated.split} {evaluated.part}".strip(),
        n_images=evaluated.n_images,
        left_out=evaluated.left_out,
        threshold=threshold,
        threshold_choice=threshold_choice,
        crf=crf,
        initial_weights=initial_weights,
        saliency_source=saliency_source,
        tag_source=tag_source,
        tags_given=tags_given,
        seed=evaluated.seed,
        steps=dict(steps) or {"none": 0},
        commit=current_commit(),
        run_folder=str(evaluated.run_folder),
        created_by=current_command_line(),
        versions=current_versions(),
        **score_fields(scores),
        **ignored_fields(matrix, labels),
    )


def ignored_fields(matrix: Matrix, labels: Sequence[int]) -> dict[str, Any]:
    """The fields that say how much of the scored ``labels`` an output leaves without a label (last column of the matrix, int64
    [n, n + 1]), and what the rest scores."""
    rows = matrix[list(labels)]
    ignored, total = int(rows[:, -1].sum()), int(rows.sum())
    if not ignored:
        return {}
    kept = matrix.copy()
    kept[:, -1] = 0
    scores = 0.0 if ignored == total else compute_scores(restrict_truth(kept, labels)).mean_iou
    return {"ignored": 100 * ignored / total, "kept_miou": 100 * scores}


def list_name(layout: DatasetLayout, split: str) -> str:
    """The file name of the list of ``split``, or what a dataset without one uses."""
    return layout.lists[split].name if split in layout.lists else f"all images of {layout.images.name}"


def floor_result(matrix: Matrix, layout: DatasetLayout, evaluated: Evaluated, *, stage: str, crf: str = NONE) -> Result:
    """What predicting background everywhere scores on the masks of a matrix int64 [n, n + 1] (a CRF leaves it as it is)."""
    floor = np.zeros_like(matrix)
    floor[:, 0] = matrix.sum(axis=1)
    return make_result(floor, layout, evaluated, method=FLOOR, stage=stage, steps={}, crf=crf)


def describe_crf(preset: str, settings: CrfSettings) -> str:
    """The CRF of a result in one line: the name of its preset and its constants."""
    return (
        f"{preset}: position {settings.gaussian_sxy:g}/{settings.gaussian_compat:g}, colour {settings.bilateral_sxy:g}/"
        f"{settings.bilateral_srgb:g}/{settings.bilateral_compat:g}, {settings.iterations} iterations"
    )


def score_fields(scores: Scores, over: MeanOver = "present") -> dict[str, Any]:
    """The fields of :class:`common.report.results.Result` that hold scores, ready for ``Result(**score_fields(s), ...)``.

    ``over`` must be what :func:`common.metrics.scores.compute_scores` was given: with ``present`` a class that is only
    predicted becomes NaN, as it is not in the mean.
    """
    left_out = scores.absent if over == "present" else ()
    return {
        "miou": 100 * scores.mean_iou,
        "class_iou": {
            name: math.nan if name in left_out else 100 * iou
            for name, iou in zip(scores.names, scores.class_iou, strict=True)
        },
        "pixel_accuracy": 100 * scores.pixel_accuracy,
        "mean_accuracy": 100 * scores.mean_accuracy,
        "false_positive_rate": 100 * scores.false_positive_rate,
        "false_negative_rate": 100 * scores.false_negative_rate,
    }
