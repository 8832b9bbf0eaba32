"""Pseudo labels from attention maps: ``python gen_gt.py --experiment_name EXP``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from l2g_cda.dataset_arguments import add_dataset_arguments, add_run_arguments, maps_folder, open_dataset
from l2g_cda.labels.pseudo import make_pseudo_labels


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="l2g_cda/gen_gt.py", description="Pseudo labels from attention maps.")
    add_dataset_arguments(parser, "vocaug")
    add_run_arguments(parser, "ms/attention")
    parser.add_argument("--save_path", default="", help="default <root>/pseudo_seg_labels_<experiment_name>")
    parser.add_argument("--thr", type=float, default=0.35, help="background score (thesis 0.35, L2G 0.25)")
    parser.add_argument("--num_workers", type=int, default=2, help="processes")
    parser.add_argument("--force", action="store_true", help="redo what is there")
    arguments = parser.parse_args(argv)
    layout = open_dataset(arguments)
    output = arguments.save_path or layout.root / f"pseudo_seg_labels_{arguments.experiment_name}"
    report = make_pseudo_labels(
        layout,
        layout.ids("train"),
        maps_folder(arguments),
        Path(output),
        arguments.thr,
        force=arguments.force,
        workers=arguments.num_workers,
    )
    return report.exit_status("gen_gt")


if __name__ == "__main__":
    run_command(main)
