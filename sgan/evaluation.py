"""The paper's table of scores of a folder of seeds, label maps or segmentations (sgan spec, section 7).

Unlabelled pixels of seeds count as missed but not as wrong.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.bounds import bounded
from common.commands import Command, Flag
from common.data.layout import open_layout
from common.data.zoom import Floats
from common.errors import ConfigError, DataError
from common.failures import left_out_line, read_failures
from common.files import write_text
from common.method.maps import record_of
from common.method.score import evaluate_labels
from common.metrics.confusion import Matrix
from common.metrics.scores import compute_scores
from common.metrics.selection import BACKGROUND
from sgan.labels import LABELS_ENDING, seeds_of
from sgan.method import METHOD, SEED_LABELS
from sgan.settings import SGAN_KEYS, SganSettings

# Segmentations are scored against the official masks; seeds, of more images, against the augmented ones (the dataset's own).
PUBLISHED_MASKS = "SegmentationClass"
SCORE_EPSILON = 1e-5


@dataclass
class EvaluationSettings(SganSettings):
    """Score a folder with one PNG per image.

    Args:
        scored_labels: labels with background, and one more where the files may hold "unlabelled"; 0: one more for seeds.
    """

    scored_labels: int = bounded(0, least=0, most=256)


def evaluate(settings: EvaluationSettings) -> int:
    """Print the scores of ``res_path``, or of the seeds in it; adds a record to ``results.json`` where it is known who made them.

    Raises:
        ConfigError: another number of classes.
        DataError: the folder is empty, a file does not fit, or unlabelled pixels are scored as if there were none.
    """
    layout = open_layout(dataclasses.replace(settings.data, saliency=""))
    n_labels, own = layout.n_classes + 1, seeds_of(SEED_LABELS.folder(settings))
    folder = (own if own.is_dir() else Path(settings.out, settings.res_path)).absolute()
    settings = dataclasses.replace(settings, res_path=str(folder.parent))
    wanted = settings.scored_labels or n_labels + int(folder.name == own.name)
    if wanted not in (n_labels, n_labels + 1):
        raise ConfigError(f"--num_classes is {wanted}; {layout.name} has {n_labels} labels, {n_labels + 1} in seeds")
    if wanted == n_labels and (layout.root / PUBLISHED_MASKS).is_dir():
        layout = dataclasses.replace(layout, masks=layout.root / PUBLISHED_MASKS)
    # Seeds have their record beside the label maps that belong to them.
    places = (folder.with_name(folder.name + LABELS_ENDING), folder)
    made = next((place for place in places if (place / "stage.json").is_file()), None)
    masked = set(record_of(made).get("masked", [])) if made else set()
    found = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.png")}
    if not found - masked:
        raise DataError(f"{folder} holds no PNG files to score; make seeds first, or correct --res_path")
    if found & masked:
        print(f"{len(found & masked)} images whose true masks were used are left out")
    evaluated = evaluate_labels(layout, sorted(found - masked), folder)
    matrix = evaluated.matrix
    unlabelled = int(matrix[:, -1].sum())
    if wanted == n_labels and unlabelled:
        raise DataError(f"{unlabelled} pixels of {folder} hold no label; for seeds give --num_classes {n_labels + 1}")
    print(f"{folder}: {len(found - masked)} images, {100 * unlabelled / matrix.sum():.1f} % unlabelled")
    print(scores_table(matrix, [BACKGROUND, *layout.classes]))
    if wanted == n_labels:
        scores = compute_scores(matrix, over="all")
        values = (scores.mean_iou, *scores.class_iou)
        write_text(folder / "mIoU.txt", " & ".join(f"{100 * value:.1f}" for value in values) + "\n")
    failed = read_failures(made) if made else {}
    lacking = set(layout.ids(settings.split)) - found
    if lacking and lacking <= failed.keys():
        evaluated = dataclasses.replace(evaluated, left_out=tuple(sorted(lacking)))
        print(left_out_line({image_id: failed[image_id] for image_id in sorted(lacking)}))
    if made == SEED_LABELS.folder(settings) and lacking <= failed.keys():
        SEED_LABELS.score(settings, evaluated)
    elif made:
        print("no record in results.json: give the configuration that made the folder, and score all of its list")
    return 0


def scores_table(matrix: Matrix, names: Sequence[str]) -> str:
    """Percent per class and their means, as text; the matrix, int64 [n, n + 1], as for :func:`precision_and_recall`."""
    scores, (precision, recall) = compute_scores(matrix, over="all"), precision_and_recall(matrix)
    rows = [f"{'class':15s} {'IoU':>6s} {'precision':>9s} {'recall':>6s}"]
    columns = ([*scores.class_iou, scores.mean_iou], [*precision, precision.mean()], [*recall, recall.mean()])
    for name, *values in zip([*names, "mean"], *columns, strict=True):
        rows.append("{:15s} {:6.2f} {:9.2f} {:6.2f}".format(name, *(100 * value for value in values)))
    return "\n".join(rows)


def precision_and_recall(matrix: Matrix) -> tuple[Floats, Floats]:
    """Fractions per class of a matrix int64 [n, n + 1]: rows = truth, columns = prediction, last column = unlabelled.

    Unlabelled pixels lower recall, not precision. A class that is not in the masks has 0, and counts so in means.
    """
    counts = matrix.astype(np.float64)
    hits = np.diag(counts)
    return hits / (counts[:, :-1].sum(0) + SCORE_EPSILON), hits / (counts.sum(1) + SCORE_EPSILON)


EVALUATE = Command(
    "Score seeds (one class more than the dataset has labels) or segmentations.",
    EvaluationSettings,
    evaluate,
    (
        Flag(("--res_path",), "--res_path", "FOLDER", "the files to score, or the folder above the seeds"),
        Flag(("--num_classes",), "--scored_labels", "N", "labels with background; one more where 'unlabelled' is one"),
    ),
    SGAN_KEYS,
    find_config=lambda settings: METHOD.configs[0],
    folder=METHOD.home,
)
