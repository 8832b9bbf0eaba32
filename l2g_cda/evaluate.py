"""The quality of the CAMs: ``python evaluate.py --experiment_name EXP`` (l2g_cda spec, section 7)."""

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from l2g_cda.quality import QUALITY_FLAGS, QualitySettings, print_quality
from l2g_cda.settings import run_program

main = partial(
    run_program, "Score CAM files against true masks.", QualitySettings, print_quality, "evaluate.yaml", QUALITY_FLAGS
)

if __name__ == "__main__":
    run_command(main)
