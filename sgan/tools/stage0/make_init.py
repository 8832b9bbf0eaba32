"""``python tools/stage0/make_init.py --cfg_file CONFIG [flags]``: make initial weights from a classifier."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

# Run as a file, this finds the toolbox without an installation.
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from common.errors import run_command
from sgan.models.initial import write_initial_weights
from sgan.settings import parse_settings


def main(argv: Sequence[str] | None = None) -> int:
    write_initial_weights(parse_settings(argv, "make_init.py"))
    return 0


if __name__ == "__main__":
    run_command(main)
