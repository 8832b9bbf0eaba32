"""``python tools/stage2/make_labels.py --cfg_file CONFIG [flags]``: make seeds and label maps of the maps that are there."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from common.errors import run_command
from common.method.command import entry
from sgan.method import METHOD

if __name__ == "__main__":
    run_command(entry(METHOD, "label"))
