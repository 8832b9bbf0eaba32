"""Whole numbers from environment variables."""

from __future__ import annotations

import os

from common.bounds import MOST_PROCESSES
from common.errors import ConfigError


def number_of_variable(name: str, default: int, least: int = 0) -> int:
    """The value of an environment variable, ``default`` where it is unset or empty.

    Raises:
        ConfigError: it is no whole number from ``least`` to the most processes there can be.
    """
    text = os.environ.get(name, "")
    if not text:
        return default
    # int() would also take spaces, signs, underscores and the digits of other scripts.
    if not (text.isascii() and text.isdecimal()) or not least <= int(text[:9]) <= MOST_PROCESSES:
        raise ConfigError(
            f"the environment variable {name} is {text!r}; give a whole number from {least} to {MOST_PROCESSES}, or unset it"
        )
    return int(text)
