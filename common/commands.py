"""The commands of a program: a word for each, with its settings and its flags. Flags of the same name mean the same in all programs.

``python PROGRAM COMMAND [CONFIG] [flags]``: a configuration file may be the first argument or follow ``-c``. A command may run
from any directory (``folder``), and take flags from environment variables (``environment``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any

from common.command_help import HELP_SETTINGS, asks_for_help, command_help, overview
from common.config import SHORTCUTS, available, parse_config
from common.config_files import Aliases
from common.engine.launch import processes_wanted, run_in_processes
from common.errors import ConfigError
from common.plain_flags import DASHES

# What a flag's value may be: always a path, or a path if there is such a file.
PATHS = ("FILE", "FOLDER")
PATHS_OR_NAMES = ("WEIGHTS", "LIST")


@dataclass(frozen=True)
class Flag:
    """A short spelling of a setting.

    Attributes:
        names: how it may be written.
        setting: what it stands for, e.g. ``--label_dir``, or ``--engine.device=cpu`` for a flag without a value. Empty for
            a flag that asks for what is always done.
        value: what follows it, for the help; empty for a switch. FILE and FOLDER are paths, WEIGHTS and LIST may be.
        text: the help.
    """

    names: tuple[str, ...]
    setting: str
    value: str
    text: str


@dataclass(frozen=True)
class Imported:
    """Something of a module that is imported when it is used, so that a help page need not wait for torch.

    Attributes:
        module: its name.
        name: of the thing in it, perhaps with dots.
    """

    module: str
    name: str

    def __call__(self, *arguments: Any) -> Any:
        """Call it."""
        return self.thing(*arguments)

    @property
    def thing(self) -> Any:
        return attrgetter(self.name)(import_module(self.module))


@dataclass(frozen=True)
class Command:
    """One word after the program's name.

    Attributes:
        text: what it does, in one or two sentences.
        settings: dataclass of its settings, which has all that :data:`SHARED` sets where it is imported later.
        run: ``settings -> exit status``.
        flags: its short flags besides :data:`SHARED`; one of the same name takes the place of a shared one.
        aliases: published spellings of its settings, in files and as flags.
        find_config: settings -> configuration file to read before them when none is given, or None for the defaults. A
            command without it needs a configuration or settings as flags.
        environment: variable -> flag whose value it gives, where that flag is not given. A command with such variables also
            takes GPUS: processes that share the work, one per GPU.
        folder: where the relative paths of configurations begin; those of flags and variables begin where the user is.
    """

    text: str
    settings: type[Any] | Imported
    run: Callable[[Any], int]
    flags: tuple[Flag, ...] = ()
    aliases: Aliases = field(default_factory=dict)
    find_config: Callable[[Any], Path | None] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None

    @property
    def all_flags(self) -> tuple[Flag, ...]:
        """Its own and those of :data:`SHARED` whose setting it has."""
        own = {name for flag in self.flags for name in flag.names}
        known = SHORTCUTS if isinstance(self.settings, Imported) else available(SHORTCUTS, self.settings)
        return self.flags + tuple(
            flag for flag in SHARED if known.keys() & set(flag.names) and not own & set(flag.names)
        )

    @property
    def shortcuts(self) -> dict[str, str]:
        """Short flag -> setting, as :func:`common.config.parse_config` takes them."""
        return {name: flag.setting for flag in self.all_flags for name in flag.names if flag.setting and name != "-c"}


@dataclass(frozen=True)
class Program:
    """A word after the program's name that is no work on a configuration, and parses its own arguments.

    Attributes:
        text: what it does.
        run: ``arguments -> exit status``.
    """

    text: str
    run: Callable[[Sequence[str]], int]


def shared(names: str, value: str, text: str) -> Flag:
    spellings = tuple(names.split())
    return Flag(spellings, SHORTCUTS[spellings[-1]], value, text)


SHARED = (
    shared("-c --config --config-path --cfg_file", "FILE", "YAML file with settings; may be repeated, later ones win"),
    shared("--root", "FOLDER", "the dataset"),
    shared("--out", "FOLDER", "where outputs go"),
    shared("--seed", "N", "seed of weights, order and augmentation (default 0)"),
    shared("--device", "NAME", "auto, cpu, cuda or cuda:N"),
    shared("--cpu", "", "use the CPU"),
    shared("--cuda", "", "use a GPU if there is one (default)"),
    shared("--workers", "N", "processes that load images"),
    shared("-j --n-jobs", "N", "processes that finish outputs, as the CRF (default 0: one per core)"),
    shared("--max-steps", "N", "optimiser steps"),
    shared("--force", "", "redo what is there"),
)


def run_commands(program: str, commands: Mapping[str, Command | Program], argv: Sequence[str] | None) -> int:
    """Parse, and run the command that is the first argument.

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
    if asks_for_help(arguments):
        print(command_help(program, name, command, arguments))
        return 0
    if command.environment:
        share_work([name, *arguments])
    return command.run(parse_command(f"{program} {name}", command, arguments))


def run_alone(program: str, command: Command, argv: Sequence[str] | None = None) -> int:
    """Run a program that is one command.

    Raises:
        ConfigError: an argument is wrong.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if asks_for_help(arguments):
        print(command_help(program, "", command, arguments))
        return 0
    return command.run(parse_command(program, command, arguments))


def share_work(arguments: Sequence[str]) -> None:
    """Give this process up for several ones of the same command, where GPUS asks for them."""
    if processes_wanted() > 1:
        sys.exit(run_in_processes([sys.argv[0], *arguments], processes_wanted()))


def parse_command(program: str, command: Command, arguments: Sequence[str]) -> Any:
    """The settings of a command.

    Raises:
        ConfigError: an unknown or wrong argument, or no configuration where one is needed.
    """
    always = {name for flag in command.flags if not flag.setting for name in flag.names}
    arguments = [*from_environment(command), *first_is_config(arguments)]
    arguments = ["--help" if argument == HELP_SETTINGS else argument for argument in arguments]
    arguments = [argument for argument in arguments if argument not in always]
    if command.folder:
        arguments = absolute_paths(arguments, command.all_flags)
        os.chdir(command.folder)
    spellings = [argument.partition("=")[0] for argument in arguments]
    configured = names_config(arguments) or "--help" in spellings
    if command.find_config is None and not configured and not any("." in spelling for spelling in spellings):
        raise ConfigError(f"{program} needs a configuration: -c CONFIG")
    if "--cuda" in spellings:
        warn_without_gpu()
    settings_class = command.settings.thing if isinstance(command.settings, Imported) else command.settings
    parse = partial(parse_config, settings_class, program=program, shortcuts=command.shortcuts, aliases=command.aliases)
    settings = parse(arguments)
    found = command.find_config(settings) if command.find_config and not configured else None
    if found is None:
        return settings
    print(f"Config: {found}")
    return parse(["-c", str(found), *arguments])


def warn_without_gpu() -> None:
    # Not at the top: a help page does not wait for it.
    import torch

    if not torch.cuda.is_available():
        print("--cuda: no GPU found, the CPU does it", file=sys.stderr)


def names_config(arguments: Sequence[str]) -> bool:
    """Whether a flag among the arguments names a configuration."""
    return not {*SHARED[0].names}.isdisjoint(argument.partition("=")[0] for argument in arguments)


def first_is_config(arguments: Sequence[str]) -> list[str]:
    """``CONFIG --flag`` as ``-c CONFIG --flag``; of several the last takes the place of the others."""
    flags = next((n for n, argument in enumerate(arguments) if argument.startswith(tuple(DASHES))), len(arguments))
    files = list(arguments[:flags])[-1:]
    return [word for file in files for word in ("-c", file)] + list(arguments[flags:])


def from_environment(command: Command) -> list[str]:
    """The flags that environment variables give; a flag that is given comes later and wins."""
    return [
        f"{flag}={os.environ[variable]}" for variable, flag in command.environment.items() if os.environ.get(variable)
    ]


def absolute_paths(arguments: Sequence[str], flags: Sequence[Flag]) -> list[str]:
    """The arguments with the paths that follow ``flags`` spelled out from the current directory."""
    kinds = {name: flag.value for flag in flags for name in flag.names}
    changed: list[str] = []
    before = ""
    for argument in arguments:
        flag, equals, value = argument.partition("=")
        kind = kinds.get(flag if equals else before, "")
        path = value if equals else argument
        if path and (kind in PATHS or (kind in PATHS_OR_NAMES and Path(path).is_file())):
            path = str(Path(path).absolute())
            argument = f"{flag}={path}" if equals else path
        changed.append(argument)
        before = argument
    return changed
