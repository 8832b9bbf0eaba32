"""``python tools/bench.py --cfg_file CONFIG [flags]``: step time and peak memory against the published dense form."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.errors import run_command
from common.method.command import entry
from sgan.method import METHOD

if __name__ == "__main__":
    run_command(entry(METHOD, "bench"))
