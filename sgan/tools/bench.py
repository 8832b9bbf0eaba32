"""``python tools/bench.py``: step time and peak memory against the published dense form."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

# Run as a file, this finds the toolbox without an installation.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.errors import run_command
from sgan.bench import bench


def main(argv: Sequence[str] | None = None) -> int:
    bench(argv)
    return 0


if __name__ == "__main__":
    run_command(main)
