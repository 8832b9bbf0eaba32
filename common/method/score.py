"""The one scorer of label maps: evaluate a folder against the masks, and record the result with its floor."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from common.data.layout import DatasetLayout
from common.data.palette import IGNORE_LABEL
from common.engine.inference import REDO
from common.errors import DataError
from common.metrics.confusion import Matrix
from common.metrics.folder import EvaluationResult, Prepare, evaluate_folder
from common.paths import path_of_id
from common.records import require_kind
from common.report.record import Evaluated, floor_result, make_result
from common.report.results import NONE, Result, add_results

# What the record of label maps has to say before their score can be written down.
SCORED_SHAPE = {
    "masked": "list[str]",
    "starts_from": "dict[str, dict]?",
    "maps.network.steps": "counts",
    "maps.network.seed": "int",
    "maps.network.initial_weights": "str",
    "result.stage": "str",
    "result.threshold": "float | None",
    "result.threshold_choice": "str",
    "result.crf": "str",
}


def require_scorable(record: Mapping[str, Any], file: Path) -> None:
    """Raise :class:`DataError` unless the record of label maps says what a result needs to be traced back."""
    for name, kind in SCORED_SHAPE.items():
        require_kind(record, name, kind, str(file), REDO)


def evaluate_labels(
    layout: DatasetLayout,
    ids: Sequence[str],
    folder: Path,
    ignore_label: int = IGNORE_LABEL,
    prepare: Prepare | None = None,
) -> EvaluationResult:
    """The confusion matrix (int64 [n, n + 1], rows: truth, last column: none of the labels) of ``folder/<id>.png``.

    Images that the stage of the folder failed with are left out, and named.

    Args:
        prepare: what happens to each (truth, prediction) before it is counted; None for nothing.

    Raises:
        DataError: a file is missing, unreadable or does not fit its mask.
    """
    return evaluate_folder(
        layout.mask_path,
        lambda image_id: path_of_id(folder, image_id, ".png"),
        ids,
        layout.n_classes + 1,
        ignore_label=ignore_label,
        prepare=prepare,
        upright=layout.upright,
    )


def record_score(
    matrix: Matrix,
    layout: DatasetLayout,
    evaluated: Evaluated,
    results: Path,
    *,
    split: str = "",
    crf: str = NONE,
    stage: str,
    **fields: Any,
) -> Result:
    """Add the result of a confusion matrix (int64 [n, n + 1]), and that of its floor, to ``results.json``.

    Args:
        evaluated: list, number of images, run folder, seed, classes to score.
        results: the file.
        split: name of the split in the table, where it is not that of ``evaluated``.
        crf: the CRF that the label maps went through, in words.
        stage: column of the table.
        fields: the others of :func:`common.report.record.make_result`.
    """
    result = make_result(matrix, layout, evaluated, stage=stage, crf=crf, **fields)
    records = [floor_result(matrix, layout, evaluated, stage=stage, crf=crf), result]
    if split:
        records = [dataclasses.replace(record, split=split) for record in records]
    add_results(results, records)
    return records[-1]


def any_masks(layout: DatasetLayout, ids: Sequence[str]) -> bool:
    """Whether the list has masks.

    Raises:
        DataError: some of its images have one and others have not.
    """
    without = ids_without_masks(layout, ids)
    if without and len(without) < len(ids):
        raise DataError(
            f"{len(without)} of {len(ids)} images have no mask, e.g. {without[0]}: add them or take the images out of "
            "the list; the label maps are written"
        )
    return not without


def ids_without_masks(layout: DatasetLayout, ids: Collection[str]) -> list[str]:
    """Those of a list that have no mask."""
    return [image_id for image_id in ids if not has_file(layout.mask_path, image_id)]


def has_file(path_of: Callable[[str], Path], image_id: str) -> bool:
    """Whether ``path_of`` finds the file of an image."""
    try:
        path_of(image_id)
    except DataError:
        return False
    return True
