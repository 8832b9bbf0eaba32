"""``python train_classification_with_puzzle.py [CONFIG] --tag T --data_dir VOC [flags]``: train Puzzle-CAM's classifier."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from sod_wsss.base_programs import CLASSIFIER_FLAGS, base_program
from sod_wsss.method import METHOD

main = base_program(METHOD, "train", CLASSIFIER_FLAGS)

if __name__ == "__main__":
    run_command(main)
