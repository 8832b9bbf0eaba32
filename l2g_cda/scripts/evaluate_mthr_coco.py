"""Which background threshold suits the attention maps of COCO: ``python scripts/evaluate_mthr_coco.py --experiment_name EXP``."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.errors import run_command
from l2g_cda.quality import run_program, sweep_thresholds

THRESHOLDS_OF_COCO = (0.2, 0.3)
sweep = partial(sweep_thresholds, THRESHOLDS_OF_COCO)
main = partial(run_program, "evaluate_mthr_coco.py", "Score attention maps at several thresholds.", "coco.yaml", sweep)

if __name__ == "__main__":
    run_command(main)
