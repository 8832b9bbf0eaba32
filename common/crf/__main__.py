"""Refine a folder of probabilities, logits, CAMs or label maps: ``python -m common.crf --images DIR --inputs DIR --out DIR``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from common.bounds import MOST_PROCESSES, add_number
from common.crf.folder import CrfFolder, Form, refine_folder
from common.crf.inference import Engine
from common.crf.recipes import RECIPES
from common.errors import run_command


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m common.crf",
        description="Dense CRF on probabilities or logits (.npy, .npz), CAMs (.npz, .npy) or label maps (.png); writes palette PNGs.",
        epilog=f"recipes: {', '.join(RECIPES)}",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument("--inputs", type=Path, required=True, help="folder of the files to refine, named as the images")
    parser.add_argument("--out", type=Path, required=True, help="folder of the label maps")
    parser.add_argument(
        "--form",
        choices=get_args(Form),
        default="probabilities",
        help="what arrays hold; of logits the softmax is taken",
    )
    parser.add_argument("--recipe", default="deeplab", metavar="NAME", help="whose constants, energies, channel order")
    add_number(parser, "--n-labels", 0, "labels with background (recipe smaf)", least=0, most=255)
    add_number(parser, "--alpha", 4.0, "background of CAMs: (1 - max)^alpha", above=0, most=1e4)
    add_number(parser, "--threshold", 0.3, "background of CAMs that become hard labels", least=0, most=1)
    parser.add_argument("--engine", choices=get_args(Engine), default="auto", help="what computes the CRF")
    add_number(
        parser,
        "--leave-out-below",
        0.0,
        "approximation: leave out labels that are less probable than P in the whole image",
        metavar="P",
        least=0,
        below=1,
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda or auto")
    add_number(parser, "--workers", 2, "processes on the CPU", least=0, most=MOST_PROCESSES)
    parser.add_argument("--force", action="store_true", help="redo what is there")
    return refine_folder(CrfFolder(**vars(parser.parse_args(argv)))).exit_status("dense CRF")


if __name__ == "__main__":
    run_command(main)
