"""``python evaluate.py --experiment_name NAME --domain val --mode png --gt_dir MASKS``: scores of experiments/predictions/NAME."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.data.layout import DataConfig, DatasetLayout, open_layout
from common.data.presets import DATASET_NAMES, DatasetName
from common.errors import DataError, require, run_command
from common.method.score import evaluate_labels
from common.metrics.scores import Scores, compute_scores
from sod_wsss.segmentation import DOMAINS, EXPERIMENTS, list_of


def mean_of_listed(values: Sequence[float], first: int = 0) -> float:
    """The plain mean over the labels from ``first`` on; labels that occur nowhere (NaN) count 0 (sod_wsss spec, section 7)."""
    return float(np.nan_to_num(np.asarray(values[first:])).mean())


def published_lines(scores: Scores) -> list[str]:
    """mIoU over all labels, FP and FN over the classes, then the four columns of the paper's tables, in percent."""
    fp, fn = (
        mean_of_listed(rates, 1) for rates in (scores.class_false_positive_rate, scores.class_false_negative_rate)
    )
    over_all = f"mIoU: {100 * mean_of_listed(scores.class_iou):.3f}%, FP: {fp:.4f}, FN: {fn:.4f}"
    columns = (scores.pixel_accuracy, scores.mean_accuracy, scores.mean_iou, scores.frequency_weighted_iou)
    named = zip(("Acc", "Acc_class", "mIoU of present classes", "fwIoU"), columns, strict=True)
    return [over_all, ", ".join(f"{name}: {100 * value:.2f}%" for name, value in named)]


def scored_layout(dataset: DatasetName, domain: str, truth: Path) -> DatasetLayout:
    """The masks of a folder and a domain's list, in the folders of the programs or beside the masks, as the list ``val``.

    Raises:
        DataError: there is no such list.
    """
    candidates = (list_of(domain, truth.parent), truth.parent / "ImageSets/Segmentation" / f"{domain}.txt")
    found = next((str(file) for file in candidates if Path(file).is_file()), None)
    if found is None:
        raise DataError(f"there is no list data/{domain}.txt, and none beside {truth}; put one there")
    root, masks = str(truth.absolute().parent), str(truth.absolute())
    return open_layout(DataConfig(dataset=dataset, root=root, masks=masks, train_list=found, val_list=found))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the scores of label maps."""
    parser = argparse.ArgumentParser(prog="evaluate.py", description="Score label maps.", allow_abbrev=False)
    parser.add_argument("--experiment_name", required=True, help="folder in experiments/predictions")
    parser.add_argument("--domain", choices=DOMAINS, default="val", help="list to score (val)")
    parser.add_argument("--mode", choices=("png", "npy", "rw"), default="png", help="png: label maps")
    parser.add_argument("--gt_dir", required=True, type=Path, help="folder of the true masks")
    parser.add_argument("--data_dir", help="accepted as in the published README; masks come from --gt_dir")
    parser.add_argument("--dataset", choices=DATASET_NAMES, default="voc12", help="whose labels they are (voc12)")
    given = parser.parse_args(argv)
    require(given.mode == "png", f"--mode {given.mode} scores class maps by threshold; label maps are --mode png")
    predictions = EXPERIMENTS / "predictions" / given.experiment_name
    layout = scored_layout(given.dataset, given.domain, given.gt_dir)
    ids = layout.ids("val")
    evaluated = evaluate_labels(layout, ids, predictions)
    print(f"{given.experiment_name}, {evaluated.n_images} images of {given.domain}")
    print("\n".join(published_lines(compute_scores(evaluated.matrix, over="all"))))
    return 0


if __name__ == "__main__":
    run_command(main)
