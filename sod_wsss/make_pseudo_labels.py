"""``python make_pseudo_labels.py [CONFIG] --experiment_name T --threshold 0.35 --crf_iteration 1 [flags]``: base labels, from the maps after the random walk."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from sod_wsss.base_programs import MAKER_FLAGS, base_program
from sod_wsss.method import METHOD

main = base_program(METHOD, "label", MAKER_FLAGS)

if __name__ == "__main__":
    run_command(main)
