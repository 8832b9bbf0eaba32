"""Which background threshold suits the attention maps of VOC: ``python scripts/evaluate_mthr_voc.py --experiment_name EXP``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.errors import run_command
from l2g_cda.labels.sweep import VOC_THRESHOLDS
from l2g_cda.labels.sweep_command import sweep_command


def main(argv: Sequence[str] | None = None) -> None:
    sweep_command(argv, "l2g_cda/scripts/evaluate_mthr_voc.py", "vocaug", VOC_THRESHOLDS)


if __name__ == "__main__":
    run_command(main)
