"""``python gen_fused_cam.py [CONFIG] [flags]``: fused multi-scale maps of the initial model, and masks of them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from common.method.command import entry
from smaf.method import METHOD

# The published script names another network than its own, which it does not use.
main = entry(
    *(METHOD, "cam", "label"),
    flags=("--rounds", "0", "--labels.crf", "none"),
    aliases={"weights": "initial_model", "network": None},
)

if __name__ == "__main__":
    run_command(main)
