"""``python inference_classification.py [CONFIG] --tag T --domain train_aug [flags]``: class maps of the trained classifier."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from sod_wsss.base_programs import MAKER_FLAGS, base_program
from sod_wsss.method import METHOD

main = base_program(METHOD, "cam", MAKER_FLAGS)

if __name__ == "__main__":
    run_command(main)
