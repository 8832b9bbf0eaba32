"""The quality of the CAMs: ``python evaluate.py --experiment_name EXP`` (l2g_cda spec, section 7)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.data.layout import DatasetLayout
from common.errors import run_command
from common.files import resolve_inside
from common.metrics.folder import evaluate_folder
from l2g_cda.dataset_arguments import add_dataset_arguments, add_run_arguments, dataset_root, maps_folder, open_dataset
from l2g_cda.labels.cam_quality import CamQuality, activation_thresholds, best_quality, cam_quality
from l2g_cda.labels.sweep import random_walk_samples, threshold_matrices

THRESHOLDS = tuple(0.05 * step for step in range(1, 16))


def main(argv: Sequence[str] | None = None) -> None:
    arguments = parse(argv)
    if not arguments.datalist:
        arguments.datalist = private_list(arguments)
    if arguments.dataset == "voc12" and not arguments.gt_dir:
        # The published list train.txt names the masks of SegmentationClassAug; the published script does not follow it.
        arguments.gt_dir = "SegmentationClass"
    layout = open_dataset(arguments)
    ids = layout.ids("train" if arguments.datalist else arguments.domain)
    folder = maps_folder(arguments)
    if arguments.mode == "png":
        print_quality(label_quality(layout, ids, folder, arguments.num_workers), layout)
        return
    thresholds = (arguments.threshold,) if arguments.threshold is not None else THRESHOLDS
    if arguments.mode == "rw" and arguments.threshold is None:
        thresholds = tuple(threshold for threshold in THRESHOLDS if threshold < arguments.max_th)
    load = random_walk_samples(layout, folder)
    matrices = threshold_matrices(load, ids, thresholds, layout.n_classes + 1, arguments.num_workers)
    sweep = [cam_quality(*pair) for pair in zip(matrices, thresholds, strict=True)]
    for quality in sweep:
        print(one_line(quality))
    print_quality(best_quality(sweep), layout)
    if arguments.mode == "rw":
        over, under = activation_thresholds(sweep)
        print(f"over-activation:  {one_line(over)}\nunder-activation: {one_line(under)}")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="l2g_cda/evaluate.py", description="Score CAM files against true masks.")
    add_dataset_arguments(parser, "voc12")
    add_run_arguments(parser, "cam_npy_aff")
    parser.add_argument("--domain", choices=("train", "val"), default="train", help="which list of the dataset")
    parser.add_argument("--threshold", type=float, help="one background score (default: a sweep from 0.05 to 0.75)")
    parser.add_argument(
        "--mode", choices=("npy", "rw", "png"), default="npy", help="CAM files; the same up to max_th; label maps"
    )
    parser.add_argument("--max_th", type=float, default=0.5, help="end of the sweep of --mode rw")
    parser.add_argument("--num_workers", type=int, help="threads (default two per core)")
    return parser.parse_args(argv)


def private_list(arguments: argparse.Namespace) -> str:
    """``<domain>1.txt``, which the published script reads, where the dataset has it; else "" for the list itself."""
    name = f"{arguments.domain}1.txt"
    return name if (dataset_root(arguments) / name).is_file() else ""


def label_quality(layout: DatasetLayout, ids: Sequence[str], folder: Path, workers: int | None) -> CamQuality:
    """The scores of a folder of label maps."""
    result = evaluate_folder(
        layout.mask_path,
        lambda image_id: resolve_inside(folder, f"{image_id}.png"),
        ids,
        layout.n_classes + 1,
        workers=workers,
    )
    return cam_quality(result.matrix, None)


def one_line(quality: CamQuality) -> str:
    threshold = "" if quality.threshold is None else f"threshold {quality.threshold:.2f}: "
    return (
        f"{threshold}mIoU {quality.miou:.3f}, FP {quality.false_positive:.4f}, "
        f"FN {quality.false_negative:.4f}, foreground {100 * quality.foreground_iou:.3f}"
    )


def print_quality(quality: CamQuality, layout: DatasetLayout) -> None:
    """The scores of every class, then the means."""
    for name, iou in zip(("background", *layout.classes), quality.class_iou, strict=True):
        print(f"{name:>14}: {iou:7.3f}")
    print(one_line(quality))


if __name__ == "__main__":
    run_command(main)
