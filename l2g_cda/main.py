"""``python main.py STAGE [STAGE ...] [-c CONFIG] [flags]``: L2G with CDA, stage by stage; ``--help`` lists the stages."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from common.method.command import entry
from l2g_cda.method import METHOD

main = entry(METHOD)

if __name__ == "__main__":
    run_command(main)
