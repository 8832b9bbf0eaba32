"""``python -m common.method METHOD STAGE [STAGE ...] [CONFIG] [flags]``: any command of any method."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from common.errors import ConfigError, run_command
from common.method.command import run_method
from common.method.registry import find_method, method_names


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0].startswith("-"):
        raise ConfigError(f"say which method: python -m common.method {' | '.join(method_names())} (METHOD --help)")
    return run_method(find_method(arguments[0]), arguments[1:])


if __name__ == "__main__":
    run_command(main)
