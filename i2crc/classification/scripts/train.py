"""``python scripts/train.py [CONFIG] [flags]``: train the classifier under saliency."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from common.errors import run_command
from common.method.command import entry
from i2crc.method import METHOD

# The published program reads the test list and never looks at it.
main = entry(METHOD, "train", aliases={"test_list": None})

if __name__ == "__main__":
    run_command(main)
