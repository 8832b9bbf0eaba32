"""Flags that look like something else than they are, refused before the parser reads them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from common.errors import ConfigError
from common.strict_yaml import is_ambiguous, load_yaml

# Hyphens and dashes that editors and web pages put in the place of "--".
DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212-"
OTHER_DASHES = re.compile(r"-?[\u2010-\u2015\u2212]+-?[A-Za-z]")


def require_plain_flags(arguments: Sequence[str], numbers: Collection[str], program: str) -> None:
    """Raise :class:`ConfigError` for a flag behind a dash that is no hyphen, a number that is read as octal or base 60, and an alias
    without an end.

    Args:
        numbers: dotted names of the settings that are numbers.
    """
    for before, argument in zip(["", *arguments], arguments, strict=False):
        flag, _, value = argument.partition("=")
        if OTHER_DASHES.match(argument) and not before.startswith("-"):
            raise ConfigError(
                f"{program}: {argument} begins with a dash that is no hyphen; type --{argument.lstrip(DASHES)}"
            )
        if "&" in argument and "*" in argument:
            # An alias, which may stand for itself or for more values than there is memory.
            load_yaml(value or argument, f"{program}: {before if not value else flag}")
        name, text = (flag, value) if value else (before, argument)
        if name.removeprefix("--") in numbers and is_ambiguous(text):
            raise ConfigError(
                f"{program}: {name[2:]} is {text}, which is read as octal or base 60; write the number without"
            )
