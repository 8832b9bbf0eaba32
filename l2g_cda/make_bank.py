"""Make the bank of objects that CDA pastes: ``python make_bank.py --labels FOLDER --output sem_seg_fg``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from l2g_cda.cda.build import build_bank
from l2g_cda.cda.sources import BankSources
from l2g_cda.dataset_arguments import BANK, add_dataset_arguments, open_dataset


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="l2g_cda/make_bank.py", description="Cut out objects for CDA to paste.")
    add_dataset_arguments(parser, "vocaug")
    parser.add_argument("--labels", default="", help="folder of label maps <id>.png, e.g. pseudo labels")
    parser.add_argument("--cams", default="", help="folder of CAM files: labels without --labels, and --saliency cams")
    parser.add_argument("--threshold", type=float, default=0.35, help="background score that makes labels of CAMs")
    parser.add_argument(
        "--saliency", choices=("maps", "labels", "cams"), default="maps", help="what the objects' saliency is cut from"
    )
    parser.add_argument("--least_share", type=float, default=0.1, help="least part of the image an object covers")
    parser.add_argument("--largest_share", type=float, default=0.7, help="largest part of the image an object covers")
    parser.add_argument(
        "--least_salient", type=float, default=0.0, help="part of the object that must be salient (published: 0)"
    )
    parser.add_argument("--output", default=str(BANK), help="folder of the bank (default sem_seg_fg of this folder)")
    parser.add_argument("--num_workers", type=int, default=2, help="processes that read images")
    parser.add_argument("--force", action="store_true", help="make it again")
    arguments = parser.parse_args(argv)
    sources = BankSources(
        labels=arguments.labels,
        cams=arguments.cams,
        threshold=arguments.threshold,
        saliency=arguments.saliency,
        least_share=arguments.least_share,
        largest_share=arguments.largest_share,
        least_salient=arguments.least_salient,
    )
    layout = open_dataset(arguments)
    report = build_bank(
        layout,
        layout.ids("train"),
        sources,
        Path(arguments.output),
        force=arguments.force,
        workers=arguments.num_workers,
    )
    return report.exit_status("bank")


if __name__ == "__main__":
    run_command(main)
