"""``python -m common.own FOLDER``: from photographs and their tags to masks, overlays, a model and a page. No mask is needed.

The folder holds images and a table of tags (tags.csv, a spreadsheet's export, an annotation tool's JSON), or folders named by tag. What
is complete is skipped, so the same command continues a stopped one. Further flags are settings of the method (--backbone.weights FILE).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common.errors import ConfigError, run_command
from common.own.photographs import Photographs, find_photographs
from common.own.readable import said_about_unreadable, unreadable
from common.own.said import said_about
from common.usual_flags import UsualFirst


def main(argv: Sequence[str] | None = None) -> int:
    arguments, rest = parse_own(sys.argv[1:] if argv is None else argv)
    out = output_folder(arguments)
    photographs = find_photographs(arguments.folder, arguments.tags)
    if arguments.check:
        return check_only(arguments, photographs, out)
    # Imported once the arguments are known to be right: torch takes seconds.
    from common.own.run import run_own

    return run_own(arguments, rest, photographs, out)


def parse_own(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The arguments, and those that are settings of the method."""
    parser = UsualFirst(
        prog="wsss own", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("folder", type=Path, help="your photographs and their tags")
    parser.add_argument("--out", type=Path, help="where everything goes (default: FOLDER_masks beside it)")
    parser.add_argument("--check", action="store_true", help="only say what was found, and write a mended tags.csv")
    parser.add_argument("--tags", default="", metavar="FILE", help="the tags, where several files could be")
    parser.add_argument("--method", default="plain_cam", help="plain_cam, or a method's folder (default plain_cam)")
    parser.add_argument(
        "--weights", default="imagenet", metavar="FILE", help="initial weights: a file, or imagenet (default)"
    )
    parser.add_argument(
        "--masks", type=Path, metavar="MASK_FOLDER", help="true masks of some of them: folder, .zip or .json"
    )
    parser.add_argument("--saliency", type=Path, metavar="FOLDER", help="saliency maps of the images")
    parser.add_argument("--network", type=Path, metavar="RUN", help="a trained saliency network, which makes the maps")
    parser.add_argument(
        "--hold-out", type=float, default=0.1, metavar="SHARE", help="of the images, kept from training (0.1)"
    )
    parser.add_argument(
        "--pictures", type=int, default=60, metavar="N", help="images on the page, the most doubtful first (60)"
    )
    parser.add_argument("--no-crf", action="store_true", help="masks without the dense CRF")
    parser.add_argument("--force", action="store_true", help="make anew what is there, of other photographs or tags")
    parser.add_argument("--seed", type=int, default=0, help="seed (0)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--workers", type=int, default=2, help="processes that load images (2)")
    arguments, rest = parser.parse_known_args(argv)
    if rest and not rest[0].startswith("-"):
        raise ConfigError(f"one folder of photographs is taken; what is {rest[0]!r} behind {arguments.folder}?")
    return arguments, rest


def check_only(arguments: argparse.Namespace, photographs: Photographs, out: Path) -> int:
    """Say what was found, and write a mended table of tags into ``out`` where names look misspelled."""
    said_about(photographs, out)
    broken = unreadable(photographs, out, remember=False)
    if arguments.masks:
        # Reading masks imports torch, which takes longer than all the rest.
        from common.own.true_masks import given_true_masks

        given_true_masks(arguments.masks, photographs, out)
    if broken:
        print(f"note: {said_about_unreadable(broken, len(photographs.tags))}")
    return 0


def output_folder(arguments: argparse.Namespace) -> Path:
    """Where everything goes.

    Raises:
        ConfigError: it lies among the photographs; or another argument is out of its range.
    """
    folder = arguments.folder.resolve()
    out: Path = arguments.out or folder.with_name(f"{folder.name}_masks")
    if out.resolve().is_relative_to(folder):
        raise ConfigError(
            f"--out {out} lies in the folder of the photographs, where it would be taken for some; give another one"
        )
    if not 0 <= arguments.hold_out <= 0.5:
        raise ConfigError(f"--hold-out is {arguments.hold_out}; give a share from 0 to 0.5")
    return out


if __name__ == "__main__":
    run_command(main)
