"""``python infer.py [CONFIG] [flags]``: fused maps and masks of a trained EPS, or of its CAM baseline."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from common.method.command import entry
from smaf.method import METHOD
from smaf.settings import SMAF_CONFIGS

main = entry(
    *(METHOD, "cam", "label"),
    config=str(SMAF_CONFIGS / "eps_voc.yaml"),
    flags=("--rounds", "0"),
    aliases={"weights": "checkpoint"},
)

if __name__ == "__main__":
    run_command(main)
