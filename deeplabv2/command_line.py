"""Commands with short flags, over the settings that every command shares."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from common.config import parse_config
from common.errors import ConfigError

COLUMN = 34
WIDTH = 112


@dataclass(frozen=True)
class Flag:
    """A short spelling of a setting.

    Attributes:
        names: how it may be written.
        setting: what it stands for, e.g. ``--model_path``, or ``--RUN.DEVICE=cpu`` for a flag without a value. Empty for
            a flag that asks for what is always done.
        value: what follows it, for the help; empty for a switch.
        text: the help.
    """

    names: tuple[str, ...]
    setting: str
    value: str
    text: str


@dataclass(frozen=True)
class Command:
    """One word after the program's name.

    Attributes:
        text: what it does, in one or two sentences.
        config: dataclass of its settings.
        run: ``settings -> exit status``.
        flags: its short flags besides ``-c``.
        find_config: settings -> configuration file to read before them when there is no ``-c``, or None for the
            defaults. A command without it needs ``-c`` or settings as flags.
    """

    text: str
    config: type[Any]
    run: Callable[[Any], int]
    flags: tuple[Flag, ...]
    find_config: Callable[[Any], Path | None] | None = None


@dataclass(frozen=True)
class Program:
    """A word after the program's name that is no work on a configuration, and parses its own arguments.

    Attributes:
        text: what it does.
        run: ``arguments -> exit status``.
    """

    text: str
    run: Callable[[Sequence[str]], int]


CONFIG = Flag(("-c", "--config-path"), "--config", "FILE", "YAML file with settings; may be repeated, later ones win")
CUDA = Flag(("--cuda",), "--RUN.DEVICE=auto", "", "use a GPU if there is one (default)")
CPU = Flag(("--cpu",), "--RUN.DEVICE=cpu", "", "use the CPU")


def shortcuts(flags: Sequence[Flag]) -> dict[str, str]:
    """Short flag -> setting, as :func:`common.config.parse_config` takes them."""
    return {name: flag.setting for flag in (CONFIG, *flags) for name in flag.names if flag.setting and name != "-c"}


def run_command_line(
    program: str, commands: Mapping[str, Command | Program], argv: Sequence[str] | None, also: Sequence[Flag] = ()
) -> int:
    """Parse, and run the command that is the first argument.

    Args:
        also: flags that every command takes, whether or not its help lists them; its own come first.

    Raises:
        ConfigError: there is no such command, or an argument is wrong.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in ("-h", "--help"):
        print(overview(program, commands))
        return 0
    if not arguments or arguments[0] not in commands:
        raise ConfigError(f"say what to do: python {program} {' | '.join(commands)} -c CONFIG (--help explains)")
    name = arguments.pop(0)
    command = commands[name]
    if isinstance(command, Program):
        return command.run(arguments)
    if any(argument in ("-h", "--help") for argument in arguments):
        print(command_help(program, name, command))
        return 0
    return command.run(parse_command(f"{program} {name}", command, arguments, also))


def parse_command(program: str, command: Command, arguments: list[str], also: Sequence[Flag] = ()) -> Any:
    """The settings of a command.

    Raises:
        ConfigError: an unknown or wrong argument, or no configuration where one is needed.
    """
    flags = (*also, *command.flags)
    always = {name for flag in flags if not flag.setting for name in flag.names}
    arguments = ["--help" if argument == "--help-settings" else argument for argument in arguments]
    arguments = [argument for argument in arguments if argument not in always]
    spellings = [argument.partition("=")[0] for argument in arguments]
    configured = bool({"-c", "--config-path", "--config", "--help"} & set(spellings))
    if command.find_config is None and not configured and not any("." in spelling for spelling in spellings):
        raise ConfigError(f"{program} needs a configuration: -c CONFIG; those of the papers are in deeplabv2/configs")
    if "--cuda" in spellings and not torch.cuda.is_available():
        print("--cuda: no GPU found, the CPU does it", file=sys.stderr)
    parse = partial(parse_config, command.config, program=program, shortcuts=shortcuts(flags))
    settings = parse(arguments)
    found = command.find_config(settings) if command.find_config and not configured else None
    if found is None:
        return settings
    print(f"Config: {found}")
    return parse(["-c", str(found), *arguments])


def overview(program: str, commands: Mapping[str, Command | Program]) -> str:
    lines = [f"usage: python {program} COMMAND -c CONFIG [flags]", ""]
    for name, command in commands.items():
        lines += entry(name, command.text)
    return "\n".join([*lines, "", f"python {program} COMMAND --help lists the flags of a command."])


def command_help(program: str, name: str, command: Command) -> str:
    config = "[-c CONFIG]" if command.find_config else "-c CONFIG"
    lines = [f"usage: python {program} {name} {config} [flags]", "", *textwrap.wrap(command.text, WIDTH), ""]
    for flag in (CONFIG, *command.flags):
        lines += entry(", ".join(flag.names) + (f" {flag.value}" if flag.value else ""), flag.text)
    more = (
        "Every key of a configuration file is a flag too, e.g. --SOLVER.LR 1e-4 or --DATASET.SPLIT.VAL train. "
        f"python {program} {name} --help-settings explains all of them, --print_config shows the values that would be used."
    )
    return "\n".join([*lines, "", *textwrap.wrap(more, WIDTH)])


def entry(left: str, right: str) -> list[str]:
    """Two columns."""
    lines = textwrap.wrap(right, WIDTH - COLUMN)
    if len(left) + 2 >= COLUMN:
        return [f"  {left}", *(" " * COLUMN + line for line in lines)]
    return [f"  {left}".ljust(COLUMN) + lines[0], *(" " * COLUMN + line for line in lines[1:])]
