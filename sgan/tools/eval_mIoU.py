"""``python tools/eval_mIoU.py --res_path FOLDER --num_classes 22``: score seeds (22) or segmentations (21)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.commands import run_commands
from common.errors import run_command
from sgan.evaluation import EVALUATE

if __name__ == "__main__":
    run_command(lambda: run_commands("tools/eval_mIoU.py", {"score": EVALUATE}, ["score", *sys.argv[1:]]))
