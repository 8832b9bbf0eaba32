"""Command line: ``python -m common.data.toy OUT [--n-train N] [--seed S] ...`` writes the toy set."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from common.data.toy.config import ToyConfig
from common.data.toy.write import make_toy
from common.errors import run_command


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m common.data.toy", description=__doc__)
    parser.add_argument("out", type=Path, help="folder for the set (VOC layout)")
    for field in fields(ToyConfig):
        flag = "--" + field.name.replace("_", "-")
        parser.add_argument(flag, type=type(field.default), default=field.default, help="default %(default)s")
    parser.add_argument("--force", action="store_true", help="replace a toy set that is already there")
    arguments = vars(parser.parse_args(argv))
    out, force = arguments.pop("out"), arguments.pop("force")
    config = ToyConfig(**arguments)
    make_toy(out, config, force)
    print(f"{out}: {config.n_train} train and {config.n_val} val images of {config.size}x{config.size}")


if __name__ == "__main__":
    run_command(main)
