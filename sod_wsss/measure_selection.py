"""Pseudo labels before and after the salient object selector, for the label maps of any methods, and its sweep of alpha:
``python sod_wsss/measure_selection.py --root DATA --saliency FOLDER --labels NAME=FOLDER [NAME=FOLDER ...]``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from tqdm import tqdm

from common.data.images import read_label_map
from common.data.layout import DataConfig, DatasetLayout, open_layout
from common.data.mask_sets import readable_masks, require_a_class
from common.data.presets import DATASET_NAMES
from common.errors import ConfigError, run_command
from common.metrics.confusion import Matrix, confusion_matrix
from common.metrics.scores import Scores, compute_scores, restrict_truth
from common.paths import path_of_id
from sod_wsss.label_rules import SelectorConfig, select_salient, threshold_of

# Those of the paper's table (sod_wsss spec, section 9).
ALPHAS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class Compared(NamedTuple):
    """One image: its confusion matrix before and after a replacement, and the agreement that decides on it.

    Attributes:
        before, after: int64 [n, n + 1].
        iou: agreement of saliency and label; -1 where nothing can be replaced.
        class_name: its class; empty for images of several.
    """

    before: Matrix
    after: Matrix
    iou: float
    class_name: str


def compare_labels(layout: DatasetLayout, split: str, folder: Path, config: SelectorConfig) -> list[Compared]:
    """All images of a list."""
    ids = layout.ids(split)
    tags, n_labels = layout.read_tags(ids), layout.n_classes + 1
    require_a_class(readable_masks(ids, layout.mask_path), n_labels, str(layout.masks))
    compared = []
    for image_id in tqdm(ids, folder.name, leave=False):
        truth = read_label_map(layout.mask_path(image_id), layout.upright)
        label_map = read_label_map(path_of_id(folder, image_id, ".png"))
        classes = [int(key) + 1 for key in np.flatnonzero(tags[image_id])]
        salient = config.is_salient(layout.read_saliency(image_id))
        # Below every agreement there is: what a replacement would give.
        selection = select_salient(label_map, salient, classes, -1.0)
        before = confusion_matrix(truth, label_map, n_labels)
        replaced = selection.label_map is not label_map
        after = confusion_matrix(truth, selection.label_map, n_labels) if replaced else before
        iou = selection.iou if replaced and selection.iou is not None else -1.0
        compared.append(Compared(before, after, iou, layout.classes[classes[0] - 1] if len(classes) == 1 else ""))
    return compared


def selected_scores(images: Sequence[Compared], config: SelectorConfig, labels: Sequence[int]) -> tuple[Scores, int]:
    """Scores of all images after the selection, and how many labels it replaced."""
    chosen = [bool(one.class_name) and one.iou > threshold_of(config, one.class_name) for one in images]
    matrix = np.sum([one.after if taken else one.before for one, taken in zip(images, chosen, strict=True)], axis=0)
    return compute_scores(restrict_truth(matrix, labels)), sum(chosen)


def row_of_scores(name: str, scores: Scores, replaced: int, n_images: int) -> str:
    values = (scores.mean_iou, scores.pixel_accuracy, scores.mean_accuracy, scores.frequency_weighted_iou)
    return f"| {name} | {' | '.join(f'{100 * value:.2f}' for value in values)} | {100 * replaced / n_images:.0f} % |"


def print_tables(name: str, images: Sequence[Compared], config: SelectorConfig, labels: Sequence[int]) -> None:
    """Before and after on all images, and every alpha on those of one class."""
    head = "mIoU | Acc | Acc_class | fwIoU | replaced |\n|---|---:|---:|---:|---:|---:|"
    print(f"\n{name}, all {len(images)} images\n\n| | {head}")
    for row, one in (("before", SelectorConfig(one_threshold=1.0)), ("after", config)):
        print(row_of_scores(row, *selected_scores(images, one, labels), len(images)))
    single = [one for one in images if one.class_name]
    print(f"\n{name}, {len(single)} images of one class\n\n| alpha | {head}")
    for alpha in ALPHAS:
        scores, replaced = selected_scores(single, SelectorConfig(one_threshold=alpha), labels)
        print(row_of_scores(f"{alpha:g}", scores, replaced, len(single)))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="measure_selection.py", description=__doc__)
    parser.add_argument("--root", required=True, help="the dataset")
    parser.add_argument("--dataset", default="vocaug", choices=DATASET_NAMES)
    parser.add_argument("--split", default="train", help="list of the label maps (default train)")
    parser.add_argument("--saliency", default="", help="folder of saliency maps (default: the dataset's)")
    parser.add_argument("--labels", nargs="+", required=True, metavar="NAME=FOLDER", help="label maps by method")
    parser.add_argument("--score-classes", nargs="*", default=[], help="classes to score besides the background")
    given = parser.parse_args(argv)
    layout = open_layout(DataConfig(given.dataset, given.root, saliency=given.saliency))
    unknown = sorted(set(given.score_classes) - set(layout.classes))
    if unknown:
        raise ConfigError(f"the dataset has no class {unknown[0]}; it has {', '.join(layout.classes)}")
    scored = given.score_classes or layout.classes
    labels = [0, *(number for number, name in enumerate(layout.classes, start=1) if name in scored)]
    config = SelectorConfig()
    for named in given.labels:
        name, equals, folder = named.partition("=")
        if not equals:
            raise ConfigError(f"--labels {named}: write NAME=FOLDER")
        print_tables(name, compare_labels(layout, given.split, Path(folder), config), config, labels)
    return 0


if __name__ == "__main__":
    run_command(main)
