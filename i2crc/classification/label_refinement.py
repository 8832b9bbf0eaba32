"""``python label_refinement.py [CONFIG] [flags]``: refined labels, from what ``trainaug_pred.py`` predicted, the tags and the initial labels."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.errors import run_command
from common.method.command import entry
from i2crc.method import METHOD

main = entry(METHOD, "refine")

if __name__ == "__main__":
    run_command(main)
