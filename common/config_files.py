"""Settings files: a file may name its base, and a paper's own spelling of a setting stands for the toolbox's.

``base: other.yaml`` (or a list of files, relative to the file that names them) is read first; the file itself then holds only
what differs. An alias table says what the keys of a published configuration file are called here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import ConfigError
from common.strict_yaml import BIGGEST_FILE, load_yaml

BASE = "base"


@dataclass(frozen=True)
class Renamed:
    """A published key that also spells its values otherwise.

    Attributes:
        setting: the dotted name here.
        convert: published value -> value here.
    """

    setting: str
    convert: Callable[[Any], Any]


# Published dotted key -> dotted setting here; None for a key that is accepted and read by nothing.
Aliases = Mapping[str, "str | Renamed | None"]


def read_settings(path: Path, aliases: Aliases) -> dict[str, Any]:
    """The settings of a file and, below them, those of its bases: dotted name -> value.

    A published key left blank is not set.

    Raises:
        ConfigError: a file is missing, broken or not a mapping, or names itself as its base.
    """
    return _read(Path(path), aliases, ())


def _read(path: Path, aliases: Aliases, below: tuple[Path, ...]) -> dict[str, Any]:
    try:
        place = path.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(f"cannot read {str(path)!r}: {error}") from error
    if place in below:
        raise ConfigError(f"{path} is its own base; remove the line {BASE}: from one of the files")
    values = read_yaml(path)
    bases = values.pop(BASE, None) or []
    bases = [bases] if isinstance(bases, str) else bases
    if not isinstance(bases, list) or not all(isinstance(base, str) for base in bases):
        raise ConfigError(f"{path}: {BASE} is {bases!r}; give the name of a settings file, or a list of names")
    settings: dict[str, Any] = {}
    for base in bases:
        settings |= _read(path.parent / base, aliases, (*below, place))
    return settings | translate(flatten(values), aliases)


def translate(values: Mapping[str, Any], aliases: Aliases) -> dict[str, Any]:
    """Dotted published names replaced by those used here; the names used here stay."""
    translated = {}
    for name, value in values.items():
        alias = aliases.get(name, name)
        if name not in aliases:
            translated[name] = value
        elif alias is not None and value is not None:
            new, converted = apply_alias(alias, value)
            translated[new] = converted
    return translated


def apply_alias(alias: str | Renamed, value: Any) -> tuple[str, Any]:
    """The setting that a published key stands for, and its value there.

    Raises:
        ConfigError: the value is of a kind that the key cannot have.
    """
    if not isinstance(alias, Renamed):
        return alias, value
    try:
        return alias.setting, alias.convert(value)
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ConfigError(f"{value!r} is no value for what is called {alias.setting} here; correct it") from error


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"a": {"b": 1}}`` -> ``{"a.b": 1}``."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """``{"a.b": 1}`` -> ``{"a": {"b": 1}}``; what is a single value where a section belongs is left for the reader to refuse."""
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        *sections, last = name.split(".")
        inner = nested
        for section in sections:
            if not isinstance(inner.get(section), dict):
                inner[section] = {}
            inner = inner[section]
        inner[last] = value
    return nested


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping safely.

    Raises:
        ConfigError: the file is missing, broken or not a mapping.
    """
    try:
        with Path(path).open("rb") as file:
            # One byte more than is read, so that a file that is too large is refused and an endless one ends.
            content = file.read(BIGGEST_FILE + 1)
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"cannot read {path}: it is no text in UTF-8 ({error.reason}); save it as UTF-8") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    values = load_yaml(text, str(path))
    if not isinstance(values, dict):
        raise ConfigError(f"{path} does not hold settings (a mapping of keys to values)")
    return values
