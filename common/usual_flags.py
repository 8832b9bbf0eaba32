"""A parser of a program's own flags whose ``--help`` is short."""

from __future__ import annotations

import argparse
from typing import Any

USUAL = 10
HELP_ALL = "--help-all"


class UsualFirst(argparse.ArgumentParser):
    """A parser whose ``--help`` shows what its user has to give and the first ten of its flags; ``--help-all`` shows all."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.add_argument(
            HELP_ALL, action=ShowAll, nargs=0, default=argparse.SUPPRESS, help="explain the other flags too"
        )

    def print_help(self, file: Any = None) -> None:
        flags = [
            action for action in self._actions if action.option_strings and action.dest not in ("help", "help_all")
        ]
        texts = {action: action.help for action in flags[USUAL:]}
        for action in texts:
            action.help = argparse.SUPPRESS
        super().print_help(file)
        for action, text in texts.items():
            action.help = text


class ShowAll(argparse.Action):
    """Print every flag, and leave."""

    def __call__(self, parser: argparse.ArgumentParser, *unused: Any) -> None:
        argparse.ArgumentParser.print_help(parser)
        parser.exit()
