"""The background threshold that suits the attention maps of VOC: ``python scripts/evaluate_mthr_voc.py --experiment_name EXP``."""

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.errors import run_command
from l2g_cda.quality import QUALITY_FLAGS, QualitySettings, sweep_thresholds
from l2g_cda.settings import run_program

sweep_of_voc = partial(sweep_thresholds, (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4))
main = partial(
    run_program, "Score attention maps at several thresholds.", QualitySettings, sweep_of_voc, "voc.yaml", QUALITY_FLAGS
)

if __name__ == "__main__":
    run_command(main)
