"""Pseudo labels from attention maps: ``python gen_gt.py --experiment_name EXP``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from l2g_cda.method import main_of

main = main_of("label")

if __name__ == "__main__":
    run_command(main)
