"""``python main.py [STAGE ...] [CONFIG] [flags]``: train EPS, or its CAM baseline with ``--network network.resnet38_cls``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from common.method.command import entry
from smaf.method import METHOD
from smaf.settings import SMAF_CONFIGS

main = entry(METHOD, "eps", config=str(SMAF_CONFIGS / "eps_voc.yaml"), aliases={"weights": "backbone.weights"})

if __name__ == "__main__":
    run_command(main)
