"""``python trainaug_pred.py test | crf --config-path configs/voc12.yaml [flags]``: round 1's predictions of the training images."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.errors import run_command
from i2crc.rounds import prediction_program as main

if __name__ == "__main__":
    run_command(main)
