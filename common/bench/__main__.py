"""Time parts of the toolbox against the loops the field uses: ``python -m common.bench evaluate``."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence

from common.errors import run_command

BENCHMARKS = {
    "evaluate": "score VOC-size label maps, against the per-class loop of EPS and SEAM",
    "items": "training items from JPEG and PNG to tensors, against the loader of deeplab-pytorch",
    "cam": "class activation maps, against one image and one scale at a time",
    "resume": "a training that is stopped and continued, against one that is not",
    "against": "any of these commands, or another, here and in another checkout in turns",
    "device": "all that only a GPU can show, in one run and one table",
}


def main(argv: Sequence[str] | None = None) -> int:
    listing = "\n".join(f"  {name:10} {what}" for name, what in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m common.bench",
        description="Time parts of the toolbox against the loops the field uses; prints seconds and ratios.",
        epilog=f"benchmarks:\n{listing}\n\nOptions of one: python -m common.bench NAME --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("benchmark", choices=BENCHMARKS)
    parser.add_argument("options", nargs=argparse.REMAINDER, help="options of the benchmark")
    arguments = parser.parse_args(argv)
    # Imported on request: the benchmarks load different, partly heavy, parts of the toolbox.
    return importlib.import_module(f"common.bench.{arguments.benchmark}").main(arguments.options) or 0


if __name__ == "__main__":
    run_command(main)
