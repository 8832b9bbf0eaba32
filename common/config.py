"""One configuration from a dataclass, YAML files and flags; unknown keys are errors.

A command describes its settings as a (nested) dataclass. Values come, later ones winning, from the dataclass defaults,
any number of ``-c FILE.yaml`` in their order (each may name a base, see :mod:`common.config_files`), and flags spelled like
the keys (``--engine.max_steps 100``), wherever they stand. The short spellings in :data:`SHORTCUTS` (``--max-steps 100``)
are the same for every command that has the setting; a flag of a setting that is true or false may stand alone (``--force``).
A paper's own spelling of a setting, in files and flags, is a row of its alias table.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import inspect
import itertools
import re
import sys
import typing
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from jsonargparse import ArgumentParser

from common.bounds import fields_and_defaults, require_allowed, settings_metadata
from common.config_files import Aliases, apply_alias, nest, read_settings
from common.errors import ConfigError
from common.files import write_text
from common.plain_flags import require_plain_flags
from common.records import is_number
from common.strict_yaml import load_yaml

Config = TypeVar("Config")
KEYS_LISTED = 40
# What a wrong value leads to inside the parser.
PARSER_ERRORS = (
    argparse.ArgumentError,
    yaml.YAMLError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RecursionError,
    OverflowError,
)

# Short flag -> what it stands for, in every program; :mod:`common.commands` has their help.
SHORTCUTS: Mapping[str, str] = {
    "--config-path": "--config",
    "--cfg_file": "--config",
    "--root": "--data.root",
    "--out": "--out",
    "--seed": "--engine.seed",
    "--device": "--engine.device",
    "--cpu": "--engine.device=cpu",
    "--cuda": "--engine.device=auto",
    "--workers": "--engine.workers",
    "-j": "--engine.processes",
    "--n-jobs": "--engine.processes",
    "--max-steps": "--engine.max_steps",
    "--force": "--force",
}


def parse_config(
    config_class: type[Config],
    argv: Sequence[str] | None,
    *,
    program: str,
    description: str = "",
    shortcuts: Mapping[str, str] | None = None,
    aliases: Aliases | None = None,
) -> Config:
    """Build ``config_class`` from defaults, YAML files and flags.

    Args:
        config_class: a dataclass; nested dataclasses become sections.
        argv: the arguments without the program's name; None means those of the process.
        program: name shown in usage and error messages.
        shortcuts: short flag -> full flag; default :data:`SHORTCUTS`.
        aliases: published key -> setting, in files and as flags.

    Raises:
        ConfigError: an unknown key, a value of the wrong type, a missing or broken file.
        SystemExit: ``--help`` was asked for.
    """
    # Abbreviations would take a misspelled flag for another one.
    description = description or (inspect.getdoc(config_class) or "").split("\n\nArgs:")[0]
    parser = ArgumentParser(prog=program, description=description, exit_on_error=False, allow_abbrev=False)
    parser.add_argument("-c", "--config", action="config", help="YAML file with settings; may be repeated, later wins")
    parser.add_class_arguments(config_class)
    arguments = expand_shortcuts(
        list(sys.argv[1:] if argv is None else argv),
        available(SHORTCUTS if shortcuts is None else shortcuts, config_class),
    )
    arguments = expand_aliases(arguments, aliases or {})
    files, flags = split_off_files(expand_switches(arguments, config_class))
    numbers = {name for name, default in default_settings(config_class).items() if is_number(default)}
    require_plain_flags(flags, numbers, program)
    settings: dict[str, Any] = {}
    for file in files:
        of_file = read_settings(Path(file), aliases or {})
        require_known(of_file, config_class, program, file, aliases or {})
        settings |= of_file
    # The parser takes a YAML text in the place of a file.
    from_files = [f"--config={yaml.safe_dump(nest(settings))}"] if settings else []
    try:
        if "--help" in flags:
            # The help shows defaults, and those of a file are its values.
            parser.set_defaults(settings)
        namespace = parser.parse_args([*from_files, *flags])
    except PARSER_ERRORS as error:
        raise ConfigError(f"{program}: {explain(str(error), config_class, aliases or {})}") from error
    namespace.pop("config", None)
    metadata = settings_metadata(config_class)
    for name, default in default_settings(config_class).items():
        if default is not None and namespace[name] is None:
            raise ConfigError(f"{program}: {name} has no value (null); give one or leave the key out")
        require_allowed(name, namespace[name], metadata[name])
    values = parser.instantiate(namespace)
    return config_class(**{field.name: values[field.name] for field in dataclasses.fields(config_class)})  # type: ignore[arg-type]


def available(shortcuts: Mapping[str, str], config_class: type[Any]) -> dict[str, str]:
    """Those whose setting the command has: an error then names another one as it was typed."""
    known = {"--config", *(f"--{name}" for name in default_settings(config_class))}
    return {flag: setting for flag, setting in shortcuts.items() if setting.partition("=")[0] in known}


def expand_shortcuts(arguments: list[str], shortcuts: Mapping[str, str]) -> list[str]:
    """Replace ``--max-steps 5`` and ``--max-steps=5`` by their full spelling."""
    expanded = []
    for argument in arguments:
        flag, equals, value = argument.partition("=")
        expanded.append(shortcuts.get(flag, flag) + equals + value)
    return expanded


def expand_aliases(arguments: list[str], aliases: Aliases) -> list[str]:
    """Replace flags in a paper's spelling (``--max_iter 5``) by those used here; one that nothing reads goes with its values.

    Several values (``--resize_size 256 512``) become a list.
    """
    expanded: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        flag, equals, value = argument.partition("=")
        name = flag.removeprefix("--")
        if not flag.startswith("--") or name not in aliases:
            expanded.append(argument)
            continue
        if not equals:
            words = list(itertools.takewhile(is_value, rest))
            del rest[: len(words)]
            value = f"[{', '.join(words)}]" if len(words) > 1 else next(iter(words), "true")
        alias = aliases[name]
        if alias is not None:
            setting, converted = apply_alias(alias, value if isinstance(alias, str) else load_yaml(value, argument))
            expanded.append(f"--{setting}={converted}")
    return expanded


def is_value(argument: str) -> bool:
    """Whether an argument is no flag; a negative number is none."""
    return not re.match(r"--|-[A-Za-z]", argument)


def expand_switches(arguments: list[str], config_class: type[Any]) -> list[str]:
    """Replace ``--force`` without a value by ``--force=true``, for every setting that may be true or false."""
    switches = {f"--{name}" for name in switches_of(config_class)}
    following = [*arguments, "-"][1:]
    return [
        f"{argument}=true" if argument in switches and after.startswith("-") else argument
        for argument, after in zip(arguments, following, strict=True)
    ]


def switches_of(config_class: type[Any]) -> set[str]:
    """Dotted names of the settings that may be true or false."""
    hints, names = typing.get_type_hints(config_class), set()
    for field, default in fields_and_defaults(config_class):
        if dataclasses.is_dataclass(default):
            names |= {f"{field.name}.{name}" for name in switches_of(type(default))}
        elif bool in (hints[field.name], *typing.get_args(hints[field.name])):
            names.add(field.name)
    return names


def split_off_files(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The files of ``-c FILE`` and ``--config=FILE``, and the other arguments, both in their order."""
    files, others, rest = [], [], list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument in ("-c", "--config") and rest:
            files.append(rest.pop(0))
        elif argument.startswith("--config="):
            files.append(argument.partition("=")[2])
        else:
            others.append(argument)
    return files, others


def require_known(
    values: Mapping[str, Any], config_class: type[Any], program: str, file: str, aliases: Aliases
) -> None:
    """Raise :class:`ConfigError` for a key of a file that is no setting, or a section that is a single value or empty."""
    known = default_settings(config_class)
    sections = {name.rpartition(".")[0] for name in known} - {""}
    sections |= {section.rpartition(".")[0] for section in sections} - {""}
    for name, value in values.items():
        if name in sections:
            raise ConfigError(
                f"{file}: {name} is a section with settings of its own, not {value!r}; correct or remove it"
            )
        if name not in known:
            raise ConfigError(
                f"{program}: {file} has the key {name!r}, which is no setting{nearest(name, [*known, *aliases])}"
            )


def explain(message: str, config_class: type[Any], aliases: Aliases) -> str:
    """One line from the parser's message, with the nearest known key where a key is unknown."""
    line = " ".join(message.split())
    unknown = re.search(
        r"does not accept option '([^']+)'|Option '([^']+)' is not accepted|[Uu]nrecognized arguments: (?:--)?([\w.\-]+)",
        line,
    )
    if unknown is None:
        return line
    return line + nearest(next(filter(None, unknown.groups())), [*default_settings(config_class), *aliases])


def nearest(name: str, known: Sequence[str]) -> str:
    """``". Did you mean 'engine.seed'?"`` for a name that is not known; where none is like it, the known names, of many only
    their sections.
    """
    near = difflib.get_close_matches(name, known, n=1)
    if not near:
        last = [one.split(".")[-1] for one in known]
        found = difflib.get_close_matches(name.split(".")[-1], last, n=1)
        near = [one for one in known if found and one.split(".")[-1] == found[0]]
    if near:
        return f". Did you mean {near[0]!r}?"
    if len(known) > KEYS_LISTED:
        return f". Known keys begin with {', '.join(dict.fromkeys(one.split('.')[0] for one in known))}."
    return f". Known keys: {', '.join(known)}."


def default_settings(config_class: type[Any]) -> dict[str, Any]:
    """Dotted name -> default of all settings of a nested dataclass."""
    settings: dict[str, Any] = {}
    for field, default in fields_and_defaults(config_class):
        if dataclasses.is_dataclass(default):
            settings |= {f"{field.name}.{name}": value for name, value in default_settings(type(default)).items()}
        else:
            settings[field.name] = default
    return settings


def config_to_dict(config: Any) -> dict[str, Any]:
    """Plain nested dictionary (strings, numbers, lists) of a config dataclass."""
    return dataclasses.asdict(config)


def write_yaml(path: Path, values: Mapping[str, Any]) -> None:
    write_text(path, yaml.safe_dump(dict(values), sort_keys=False))


def picked(values: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Of nested settings those of the dotted names, nested alike."""
    chosen: dict[str, Any] = {}
    for name in names:
        *sections, last = name.split(".")
        source, target = values, chosen
        for section in sections:
            source, target = source[section], target.setdefault(section, {})
        target[last] = source[last]
    return chosen
