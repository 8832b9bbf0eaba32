"""``python gen_gt.py [CONFIG] [flags]``: initial pseudo labels, from attention maps and saliency."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.errors import run_command
from common.method.command import entry
from i2crc.method import METHOD

main = entry(METHOD, "label")

if __name__ == "__main__":
    run_command(main)
