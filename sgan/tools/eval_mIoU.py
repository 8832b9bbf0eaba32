"""``python tools/eval_mIoU.py --res_path FOLDER --num_classes 22``: score seeds (22) or segmentations (21)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

# Run as a file, this finds the toolbox without an installation.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.errors import run_command
from sgan.evaluation.evaluate import evaluate, parse


def main(argv: Sequence[str] | None = None) -> int:
    evaluate(*parse(argv))
    return 0


if __name__ == "__main__":
    run_command(main)
