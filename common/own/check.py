"""What can be said of a folder of photographs without training anything, nor importing torch."""

from __future__ import annotations

import argparse
from pathlib import Path

from common.errors import ConfigError
from common.own.photographs import Photographs
from common.own.readable import said_about_unreadable, unreadable
from common.own.said import said_about


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
