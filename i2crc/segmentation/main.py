"""``python main.py train | test | crf --config-path configs/voc12.yaml [flags]``: DeepLab-v2 on the labels of a round."""

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.commands import run_commands
from common.errors import run_command
from i2crc.rounds import MAIN

main = partial(run_commands, "main.py", MAIN, None)

if __name__ == "__main__":
    run_command(main)
