"""``python tools/stage0/make_seeds.py --cfg_file CONFIG [flags]``: make initial seeds from a classifier's CAMs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from common.errors import run_command
from common.method.command import entry
from sgan.method import METHOD

if __name__ == "__main__":
    run_command(entry(METHOD, "make_seeds"))
