"""The paper's table of scores of a folder with one PNG per image (smaf spec, section 7).

Pixels without label are not counted, neither those of the masks nor those of the scored files: a file that labels few pixels can
score high, so the share of such pixels is printed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from common.commands import Command, Flag
from common.data.layout import DataConfig, DatasetLayout, open_layout
from common.data.palette import IGNORE_LABEL
from common.data.presets import CLASSES_FILE
from common.errors import DataError, require
from common.failures import read_failures
from common.files import write_text
from common.method.score import evaluate_labels
from common.method.settings import ScoredFiles
from common.metrics.confusion import LabelMap, Matrix
from common.metrics.scores import Scores, compute_scores
from common.metrics.selection import BACKGROUND
from common.paths import path_of_id
from smaf.settings import SMAF_KEYS

NAME_LENGTH = 10
PNG_FLAGS = (
    Flag(("--dataset",), "--dataset", "NAME", "voc12 or coco; not needed where a classes.txt lies beside --gt_dir"),
    Flag(("--datalist",), "--data.train_list", "FILE", "the list of images"),
    Flag(("--gt_dir",), "--data.masks", "FOLDER", "the masks"),
    Flag(("--pred_dir",), "--pred_dir", "FOLDER", "the PNGs to score"),
    Flag(("--save_path",), "--save_path", "FILE", "where the table is written"),
)


@dataclass
class PngSettings(ScoredFiles):
    """Score PNGs against masks.

    Args:
        data: names of the classes, list and masks.
    """

    data: DataConfig = field(default_factory=lambda: DataConfig(dataset="folder", root=""))


def evaluate_pngs(settings: PngSettings) -> int:
    """Print the table of scores of ``pred_dir``, and write it to ``save_path``.

    Raises:
        ConfigError: a flag is missing.
        DataError: a folder or a file is missing, or a file holds labels that the dataset does not have.
    """
    data, folder = settings.data, Path(settings.pred_dir)
    own_classes = Path(data.masks).absolute().with_name(CLASSES_FILE)
    given = {
        "dataset": data.dataset != "folder" or own_classes.is_file(),
        "datalist": data.train_list,
        "gt_dir": data.masks,
        "pred_dir": settings.pred_dir,
        "save_path": settings.save_path,
    }
    missing = [f"--{name}" for name, value in given.items() if not value]
    require(not missing, f"{' and '.join(missing)} not given; --help says what they are")
    layout = masks_of(data)
    ids = layout.ids("train")
    require_pngs(folder, ids)
    evaluated = evaluate_labels(layout, ids, folder, prepare=partial(at_size_of_truth, layout.n_classes + 1))
    matrix = evaluated.matrix
    table = score_rows(scores_of_labelled(matrix), [BACKGROUND, *layout.classes])
    without = 100 * matrix[:, -1].sum() / max(1, matrix.sum())
    print(f"{folder}: {evaluated.n_images} images; {without:.2f} % of their pixels have no label and are not counted")
    print(table)
    write_text(Path(settings.save_path), f"{table}\n")
    return 0


def masks_of(data: DataConfig) -> DatasetLayout:
    """The dataset of a list and of masks, without images.

    Raises:
        DataError: there is no such list or folder.
    """
    masks, file = Path(data.masks).absolute(), Path(data.train_list).absolute()
    if not masks.is_dir():
        raise DataError(f"--gt_dir {data.masks} is no folder; give the one with the masks")
    if not file.is_file():
        raise DataError(f"--datalist {data.train_list} is no file; give the list of the images to score")
    return open_layout(
        dataclasses.replace(data, root=data.root or str(masks.parent), train_list=str(file), masks=str(masks))
    )


def require_pngs(folder: Path, ids: Sequence[str]) -> None:
    """Raise :class:`DataError` unless every image has its PNG in the folder."""
    if not folder.is_dir():
        raise DataError(f"--pred_dir {folder} is no folder; give the one with the PNGs to score")
    failed = read_failures(folder)
    missing = [one for one in ids if one not in failed and not path_of_id(folder, one, ".png").is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(ids)} images have no PNG in {folder}, e.g. {missing[0]}; make them, or correct --datalist"
        )


def at_size_of_truth(n_labels: int, truth: LabelMap, prediction: LabelMap) -> tuple[LabelMap, LabelMap]:
    """Both maps, the prediction cut at the right and below, or extended by background.

    Args:
        n_labels: labels with the background.
        truth: integers H x W.
        prediction: integers h x w, 0..n_labels-1 or 255.

    Raises:
        DataError: the prediction holds another label.
    """
    highest = int(prediction.max(initial=0, where=prediction != IGNORE_LABEL))
    if highest >= n_labels:
        raise DataError(f"the scored file holds label {highest}, the dataset 0..{n_labels - 1}; correct --dataset")
    part = prediction[: truth.shape[0], : truth.shape[1]]
    fitted = np.zeros(truth.shape, prediction.dtype)
    fitted[: part.shape[0], : part.shape[1]] = part
    return truth, fitted


def scores_of_labelled(matrix: Matrix) -> Scores:
    """Scores of a matrix int64 [n, n + 1] without the pixels whose prediction is none of the labels."""
    return compute_scores(matrix[:, :-1], over="all")


def score_rows(scores: Scores, names: Sequence[str]) -> str:
    """A header, means over the classes that occur, and a row per class: percent."""
    columns = [scores.class_iou, scores.class_precision, scores.class_recall]
    means = [*(float(np.nanmean(values)) for values in columns), scores.pixel_accuracy]
    rows = [("mean", means), *((name, list(values)) for name, *values in zip(names, *columns, strict=True))]
    header = f"{'class':{NAME_LENGTH}} {'IoU':>9} {'precision':>9} {'recall':>9} {'accuracy':>9}"
    return "\n".join(
        [
            header,
            *(f"{name[:NAME_LENGTH]:{NAME_LENGTH}}" + "".join(f" {100 * v:9.2f}" for v in row) for name, row in rows),
        ]
    )


SCORE_PNGS = Command(
    "Score PNGs against masks: IoU, precision and recall of each class. To find the threshold at which the pseudo masks of a list "
    "are best, make them with --sweep.",
    PngSettings,
    evaluate_pngs,
    PNG_FLAGS,
    SMAF_KEYS,
    find_config=lambda settings: None,
)
