"""``python tools/stage2/train_sgan.py --cfg_file CONFIG [flags]``: train the attention network."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from common.errors import run_command
from common.method.command import entry
from sgan.method import METHOD

if __name__ == "__main__":
    run_command(entry(METHOD, "train"))
