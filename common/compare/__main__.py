"""``python -m common.compare --data toy``: every method under equal conditions, in one table (Markdown, CSV and HTML).

What is there is used, what is missing is made; a stopped comparison continues. A chain that fails is shown as failed with its log, and the
others go on. Further flags are settings of every method (--max-steps 20 to try it).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common.bounds import MOST_PROCESSES, add_number
from common.errors import run_command


def main(argv: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if argv is None else argv)
    arguments, rest = parser_of_comparison().parse_known_args(given)
    # Imported once the arguments are known to be right: torch takes seconds.
    from common.compare.run import run_comparison

    return run_comparison(arguments, rest, given)


def parser_of_comparison() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wsss compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--data", default="toy", help="toy, voc, coco, voc_animals, or a folder with images/ and tags.csv (default toy)"
    )
    parser.add_argument("--root", type=Path, metavar="FOLDER", help="the dataset (toy: made where none is given)")
    parser.add_argument(
        "--methods",
        nargs="+",
        default=["all"],
        metavar="METHOD",
        help="their names (default: all that are configured for the dataset)",
    )
    add_number(parser, "--seeds", 1, "repeat everything with this many seeds (1)", least=1, most=1000)
    parser.add_argument(
        "--saliency",
        nargs="+",
        default=[],
        metavar="NAME=FOLDER",
        help="saliency maps, one or several sources (default: the dataset's)",
    )
    parser.add_argument(
        "--segmenter", default="", metavar="CONFIG", help="the segmentation network of all (default: the methods' own)"
    )
    parser.add_argument(
        "--weights", default="", metavar="FILE", help="initial weights of all backbones: a file, or imagenet"
    )
    add_number(parser, "--jobs", 1, "chains side by side, on cores or GPUs (1)", least=1, most=MOST_PROCESSES)
    parser.add_argument("--out", type=Path, help="folder of everything (default runs/compare/DATA)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    add_number(parser, "--workers", 2, "processes that load images", least=0, most=MOST_PROCESSES)
    parser.add_argument("--dry-run", action="store_true", help="only list the chains")
    parser.add_argument(
        "--only", default="", metavar="CHAIN", help="one chain in this process, without the table: METHOD/SOURCE/seedN"
    )
    return parser


if __name__ == "__main__":
    run_command(main)
