"""``python make_affinity_labels.py [CONFIG] --experiment_name T --fg_threshold 0.40 --bg_threshold 0.10 [flags]``: confident labels for AffinityNet."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from sod_wsss.base_programs import MAKER_FLAGS, base_program
from sod_wsss.method import METHOD

main = base_program(METHOD, "confident", MAKER_FLAGS)

if __name__ == "__main__":
    run_command(main)
