"""Refine a folder of probabilities, logits, CAMs or label maps: ``python -m common.crf --images DIR --inputs DIR --out DIR``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from common.bounds import MOST_PROCESSES, bounded_argument
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
    parser.add_argument(
        "--n-labels",
        type=bounded_argument("--n-labels", int, least=0, most=255),
        default=0,
        help="labels with background (recipe smaf)",
    )
    parser.add_argument(
        "--alpha",
        type=bounded_argument("--alpha", float, above=0, most=1e4),
        default=4.0,
        help="background of CAMs: (1 - max)^alpha",
    )
    parser.add_argument(
        "--threshold",
        type=bounded_argument("--threshold", float, least=0, most=1),
        default=0.3,
        help="background of CAMs that become hard labels",
    )
    parser.add_argument("--engine", choices=get_args(Engine), default="auto", help="what computes the CRF")
    parser.add_argument(
        "--leave-out-below",
        type=bounded_argument("--leave-out-below", float, least=0, below=1),
        default=0.0,
        metavar="P",
        help="approximation: leave out labels that are less probable than P in the whole image",
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda or auto")
    parser.add_argument(
        "--workers",
        type=bounded_argument("--workers", int, least=0, most=MOST_PROCESSES),
        default=2,
        help="processes on the CPU",
    )
    parser.add_argument("--force", action="store_true", help="redo what is there")
    return refine_folder(CrfFolder(**vars(parser.parse_args(argv)))).exit_status("dense CRF")


if __name__ == "__main__":
    run_command(main)
