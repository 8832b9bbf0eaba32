"""What ``--help`` shows of a command: the ten usual flags, with the values of the configuration that is named beside it, the rest on request."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.config import split_off_files
from common.config_files import read_settings
from common.usual_flags import HELP_ALL, USUAL

if TYPE_CHECKING:
    from common.commands import Command, Flag, Program

COLUMN = 34
WIDTH = 112
HELP, HELP_SETTINGS = ("-h", "--help"), "--help-settings"
# What comes before and behind a command's own flags; others are less usual.
FLAGS_BEFORE, FLAGS_BEHIND = ("-c", "--root", "--out"), ("--max-steps", "--seed", "--device", "--workers", "--force")


def asks_for_help(arguments: Sequence[str]) -> bool:
    """Whether the flags of a command are asked for, the usual or all of them."""
    return any(argument in (*HELP, HELP_ALL) for argument in arguments)


def asks_for_all(arguments: Sequence[str]) -> bool:
    """``--help-all``, also written ``--help all``."""
    following = [*arguments, ""][1:]
    return HELP_ALL in arguments or any(
        argument in HELP and after == "all" for argument, after in zip(arguments, following, strict=True)
    )


def overview(program: str, commands: Mapping[str, Command | Program]) -> str:
    lines = [f"usage: python {program} COMMAND -c CONFIG [flags]", ""]
    for name, command in commands.items():
        lines += entry(name, command.text)
    return "\n".join([*lines, "", f"python {program} COMMAND --help lists the flags of a command."])


def command_help(program: str, name: str, command: Command, arguments: Sequence[str] = ()) -> str:
    """The help of a command.

    Args:
        arguments: what was asked: ``-c FILE`` shows that file's values, ``--help-all`` every flag.
    """
    config = "[-c CONFIG]" if command.find_config else "-c CONFIG"
    program = f"{program} {name}".strip()
    lines = [f"usage: python {program} {config} [flags]", "", *textwrap.wrap(command.text, WIDTH), ""]
    flags, values = by_use(command), values_of_files(command, arguments)
    shown = flags if asks_for_all(arguments) else flags[:USUAL]
    for flag in shown:
        left = ", ".join(flag.names) + (f" {flag.value}" if flag.value else "")
        lines += entry(left, flag.text + value_of(flag, values))
    variables = [f"{variable} for {flag}" for variable, flag in command.environment.items()]
    lines += (
        ["", *textwrap.wrap(f"From the environment: {', '.join(variables)}; GPUS for the number of processes.", WIDTH)]
        if variables
        else []
    )
    hidden = len(flags) - len(shown)
    rest = f"{hidden} more flags: {HELP_ALL}. " if hidden else ""
    more = (
        f"{rest}Every key of a configuration file is a flag too, e.g. --engine.max_steps 100. "
        f"python {program} {HELP_SETTINGS} explains all of them, with -c FILE and that file's values; --print_config shows the values "
        "that would be used."
    )
    return "\n".join([*lines, "", *textwrap.wrap(more, WIDTH)])


def by_use(command: Command) -> list[Flag]:
    """Its flags, the usual ones first."""

    def rank(flag: Flag) -> int:
        for place, name in enumerate(FLAGS_BEFORE):
            if name in flag.names:
                return place - len(FLAGS_BEFORE)
        if flag in command.flags:
            return 0
        return next((place for place, name in enumerate(FLAGS_BEHIND, 1) if name in flag.names), len(FLAGS_BEHIND) + 1)

    return sorted(command.all_flags, key=rank)


def values_of_files(command: Command, arguments: Sequence[str]) -> dict[str, Any]:
    """Dotted setting -> value of the configurations that the arguments name.

    Raises:
        ConfigError: a file is missing or broken.
    """
    spellings = next(iter(flag.names for flag in command.all_flags if FLAGS_BEFORE[0] in flag.names), ())
    split = [argument.partition("=") for argument in arguments]
    plain = [
        FLAGS_BEFORE[0] + equals + value if name in spellings else name + equals + value
        for name, equals, value in split
    ]
    plain = [argument.replace(f"{FLAGS_BEFORE[0]}=", "--config=", 1) for argument in plain]
    files, _ = split_off_files(plain)
    leading = plain[: next((n for n, argument in enumerate(plain) if argument.startswith("-")), len(plain))]
    values: dict[str, Any] = {}
    for file in [*leading[-1:], *files]:
        values |= read_settings(Path(file), command.aliases)
    return values


def value_of(flag: Flag, values: Mapping[str, Any]) -> str:
    """`` [value]`` where a configuration has one for what a flag sets."""
    setting = flag.setting.removeprefix("--")
    return f" [{values[setting]}]" if values.get(setting) not in (None, "") else ""


def entry(left: str, right: str) -> list[str]:
    """Lines of the help: a flag or command, and in the second column what it does."""
    lines = textwrap.wrap(right, WIDTH - COLUMN)
    if len(left) + 2 >= COLUMN:
        return [f"  {left}", *(" " * COLUMN + line for line in lines)]
    return [f"  {left}".ljust(COLUMN) + lines[0], *(" " * COLUMN + line for line in lines[1:])]
