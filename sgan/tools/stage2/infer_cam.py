"""``python tools/stage2/infer_cam.py --cfg_file CONFIG [flags]``: make seeds with the trained network."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

# Run as a file, this finds the toolbox without an installation.
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from common.errors import run_command
from sgan.seeds.infer import make_seeds
from sgan.settings import parse_settings


def main(argv: Sequence[str] | None = None) -> int:
    return make_seeds(parse_settings(argv, "infer_cam.py")).exit_status("infer_cam")


if __name__ == "__main__":
    run_command(main)
