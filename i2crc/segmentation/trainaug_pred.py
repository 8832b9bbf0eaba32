"""``python trainaug_pred.py test | crf --config-path configs/voc12.yaml [flags]``: round 1's predictions of the training images."""

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.commands import run_commands
from common.errors import run_command
from i2crc.rounds import TRAINAUG_PRED

main = partial(run_commands, "trainaug_pred.py", TRAINAUG_PRED, None)

if __name__ == "__main__":
    run_command(main)
