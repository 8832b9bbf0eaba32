"""Attention maps in jet colours: ``python res.py --experiment_name EXP`` (l2g_cda spec, section 6.5)."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from l2g_cda.method import main_of

main = main_of("res")

if __name__ == "__main__":
    run_command(main)
