"""``python gen_pseudo_mask.py [CONFIG] [flags]``: fused maps of the last network, masks of them before and after the CRF."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from common.method.command import entry
from smaf.method import METHOD

# The published script names another network than its own, which it does not use.
main = entry(
    *(METHOD, "cam", "label_sets"),
    flags=("--every_round", "false"),
    aliases={"weights": "checkpoint", "network": None},
)

if __name__ == "__main__":
    run_command(main)
