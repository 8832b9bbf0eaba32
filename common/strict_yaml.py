"""YAML as settings need it: texts, numbers, true and false, lists and mappings of few, distinct, readable keys.

What YAML 1.1 reads in a way that nobody means (``010`` is 8, ``1:30`` is 90, of two equal keys the last counts) or that is
no setting (dates, sets, binary, tags) is refused by line; a date is a text. Aliases are followed within bounds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from common.errors import ConfigError

BIGGEST_FILE = 1 << 20
# Values of a document with all its aliases followed, levels of its nesting, and digits of a number.
MOST_VALUES, DEEPEST, MOST_DIGITS = 20_000, 40, 40
PREFIX = "tag:yaml.org,2002:"
READ = frozenset(PREFIX + name for name in ("str", "int", "float", "bool", "null", "map", "seq", "merge"))
AMBIGUOUS = re.compile(r"[-+]?(0[0-9_]+|[0-9][0-9_]*(:[0-9_]+)+(\.[0-9_]*)?)")


class SettingsLoader(yaml.SafeLoader):
    """Reads dates and the sign ``=`` as texts."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in known if tag not in (f"{PREFIX}timestamp", f"{PREFIX}value")]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def load_yaml(text: str, where: str) -> Any:
    """The value of a YAML document; None for an empty one.

    Args:
        where: the file or flag it is from, for messages.

    Raises:
        ConfigError: the text is no YAML document, or has something in it that is no setting.
    """
    if len(text) > BIGGEST_FILE:
        raise ConfigError(
            f"{where} is larger than {BIGGEST_FILE // 1024} KiB, which no settings file is; give another one"
        )
    try:
        loader = SettingsLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            count_values(node, where, (), {})
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except RecursionError as error:
        raise ConfigError(f"{where} is nested deeper than {DEEPEST} levels; correct it") from error
    # A wrong document raises whatever its wrong part leads to.
    except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise ConfigError(f"cannot read {where}: {' '.join(str(error).split())}") from error


def count_values(node: Node, where: str, above: Sequence[Node], known: dict[int, int]) -> int:
    """How many values a node stands for, with aliases followed; every node is looked at once.

    Raises:
        ConfigError: there are too many, it is nested too deep or holds itself, or something in it is no setting.
    """
    line = f"{where}, line {node.start_mark.line + 1}"
    if any(node is one for one in above):
        raise ConfigError(f"{line}: the alias stands for something that it is a part of; write it out")
    if len(above) >= DEEPEST:
        raise ConfigError(f"{line}: nested deeper than {DEEPEST} levels; correct it")
    if id(node) in known:
        return known[id(node)]
    if node.tag not in READ:
        tag = node.tag.replace(PREFIX, "!!")
        raise ConfigError(
            f"{line}: a value tagged {tag} is no setting; give a text, number, true, false, list or mapping"
        )
    total = 1
    if isinstance(node, ScalarNode):
        require_plain(node, line)
    else:
        if isinstance(node, MappingNode):
            require_keys(node, where)
        inner = [part for pair in node.value for part in pair] if isinstance(node, MappingNode) else node.value
        for part in inner:
            total += count_values(part, where, (*above, node), known)
            if total > MOST_VALUES:
                raise ConfigError(f"{where} has more than {MOST_VALUES} values with its aliases followed; shorten it")
    known[id(node)] = total
    return total


def require_plain(node: ScalarNode, line: str) -> None:
    """Raise :class:`ConfigError` for a number that YAML reads otherwise than people, or that has too many digits."""
    if node.tag not in (f"{PREFIX}int", f"{PREFIX}float"):
        return
    if is_ambiguous(node.value):
        raise ConfigError(
            f"{line}: {node.value} is octal or base 60 in YAML; write the number without, or a text in quotes"
        )
    if len(node.value) > MOST_DIGITS:
        raise ConfigError(f"{line}: a number of {len(node.value)} digits; correct it, or put a text in quotes")


def is_ambiguous(number: str) -> bool:
    """Whether YAML takes a number for octal (``010`` is 8) or base 60 (``1:30`` is 90)."""
    return AMBIGUOUS.fullmatch(number) is not None


def require_keys(node: MappingNode, where: str) -> None:
    """Raise :class:`ConfigError` unless the keys of a mapping are distinct texts."""
    seen: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if key.tag == f"{PREFIX}merge":
            continue
        if not isinstance(key, ScalarNode) or key.tag != f"{PREFIX}str":
            shown = key.value if isinstance(key, ScalarNode) else "a list or mapping"
            raise ConfigError(
                f"{where}, line {line}: the key {shown} is no name of a setting; if it is one, put it in quotes"
            )
        if key.value in seen:
            raise ConfigError(f"{where}, line {line}: {key.value} is also in line {seen[key.value]}; keep one of them")
        seen[key.value] = line
