"""``python scripts/test.py [CONFIG] [flags]``: attention maps of the training images."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from common.errors import run_command
from common.method.command import entry
from i2crc.method import METHOD

# Here the test list is what is worked on, and the batch that of the maps; the training keeps its own.
main = entry(METHOD, "cam", aliases={"test_list": "train_list", "batch_size": "cam.batch_size"})

if __name__ == "__main__":
    run_command(main)
