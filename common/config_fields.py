"""The settings of a nested dataclass by their dotted names: defaults, and what is declared beside them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from common.bounds import declared


def default_settings(config_class: type[Any]) -> dict[str, Any]:
    """Dotted name -> default of all settings of a nested dataclass."""
    settings: dict[str, Any] = {}
    for field, default in fields_and_defaults(config_class):
        if dataclasses.is_dataclass(default):
            settings |= {f"{field.name}.{name}": value for name, value in default_settings(type(default)).items()}
        else:
            settings[field.name] = default
    return settings


def fields_and_defaults(config_class: type[Any]) -> list[tuple[dataclasses.Field[Any], Any]]:
    pairs = [(field, field.default_factory) for field in dataclasses.fields(config_class)]
    return [(field, field.default if made is dataclasses.MISSING else made()) for field, made in pairs]


def settings_metadata(config_class: type[Any]) -> dict[str, Mapping[str, Any]]:
    """Dotted name -> what is declared of all settings of a nested dataclass, see :mod:`common.bounds`."""
    metadata: dict[str, Mapping[str, Any]] = {}
    for field, default in fields_and_defaults(config_class):
        if dataclasses.is_dataclass(default):
            metadata |= {f"{field.name}.{name}": one for name, one in settings_metadata(type(default)).items()}
        else:
            metadata[field.name] = declared(config_class, field.name)
    return metadata
