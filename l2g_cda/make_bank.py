"""Make the bank of objects that CDA pastes: ``python make_bank.py --labels FOLDER --output sem_seg_fg``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from l2g_cda.method import main_of

main = main_of("bank")

if __name__ == "__main__":
    run_command(main)
