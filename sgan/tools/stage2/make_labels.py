"""``python tools/stage2/make_labels.py --cfg_file CONFIG [flags]``: turn seeds into shared label maps."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

# Run as a file, this finds the toolbox without an installation.
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from common.errors import run_command
from sgan.seeds.labels import make_label_maps
from sgan.settings import parse_settings


def main(argv: Sequence[str] | None = None) -> int:
    return make_label_maps(parse_settings(argv, "make_labels.py")).exit_status("make_labels")


if __name__ == "__main__":
    run_command(main)
