"""``python tools/stage0/make_seeds.py --cfg_file CONFIG [flags]``: make initial seeds from a classifier's CAMs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

# Run as a file, this finds the toolbox without an installation.
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from common.errors import run_command
from sgan.seeds.initial import make_initial_seeds
from sgan.settings import parse_settings


def main(argv: Sequence[str] | None = None) -> int:
    return make_initial_seeds(parse_settings(argv, "make_seeds.py")).exit_status("make_seeds")


if __name__ == "__main__":
    run_command(main)
