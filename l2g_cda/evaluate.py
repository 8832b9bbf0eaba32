"""The quality of the CAMs: ``python evaluate.py --experiment_name EXP`` (l2g_cda spec, section 7)."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from l2g_cda.quality import evaluate, run_program

main = partial(run_program, "evaluate.py", "Score CAM files against true masks.", "evaluate.yaml", evaluate)

if __name__ == "__main__":
    run_command(main)
