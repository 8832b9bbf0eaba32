"""``python tools/stage2/train_sgan.py --cfg_file CONFIG [flags]``: train the attention network."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

# Run as a file, this finds the toolbox without an installation.
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from common.errors import run_command
from sgan.settings import parse_settings
from sgan.train import train_network


def main(argv: Sequence[str] | None = None) -> int:
    train_network(parse_settings(argv, "train_sgan.py"))
    return 0


if __name__ == "__main__":
    run_command(main)
