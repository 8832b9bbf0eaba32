"""Which background threshold suits the attention maps of VOC: ``python scripts/evaluate_mthr_voc.py --experiment_name EXP``."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.errors import run_command
from l2g_cda.quality import run_program, sweep_thresholds

THRESHOLDS_OF_VOC = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
sweep = partial(sweep_thresholds, THRESHOLDS_OF_VOC)
main = partial(run_program, "evaluate_mthr_voc.py", "Score attention maps at several thresholds.", "voc.yaml", sweep)

if __name__ == "__main__":
    run_command(main)
