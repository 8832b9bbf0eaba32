"""``python main.py train | test | crf --config-path configs/voc12.yaml [flags]``: DeepLab-v2 on the labels of a round."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.errors import run_command
from i2crc.rounds import main_program as main

if __name__ == "__main__":
    run_command(main)
