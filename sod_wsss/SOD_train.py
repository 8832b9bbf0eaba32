"""``python SOD_train.py [CONFIG] [flags]``: train the saliency network; flags as in the paper's README, with validation --val_root."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from common.method.command import entry
from sod_wsss.method import METHOD
from sod_wsss.settings import SALIENCY_KEYS, SOD_WSSS_CONFIGS

main = entry(METHOD, "sod", config=str(SOD_WSSS_CONFIGS / "saliency.yaml"), aliases=SALIENCY_KEYS)

if __name__ == "__main__":
    run_command(main)
