#!/usr/bin/env bash
# jsonargparse and a dataclass with two bases, one of which names the type of a field by an alias of its own module.
#
# Guess, written before running: typing.get_type_hints resolves every inherited annotation in the module it was written in, so the parser does
# too; and if it could not resolve one, it would fail, or at most leave that one field unchecked.
#
# Found (jsonargparse 4.53.0, Python 3.11, postponed annotations):
# - a dataclass with one base in another module is resolved as typing does it;
# - with two bases the names are looked up in the module of the class alone. Where one name is missing there, the types of ALL its fields
#   are dropped, also of those that are declared in the class as int: "many" is accepted as a number and handed on as text, without a warning.
#   Only the help says it: "Unvalidated<int>". typing.get_type_hints of the same class gives every type.
#
# What to do: spell such types out in the base, and test that the help of a parser holds no "Unvalidated".
#
# Run: bash findings/unchecked_settings.sh      (fails if any of this changes)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "jsonargparse[signatures]==4.53.0"
cd "$folder"
cat >colours.py <<'PYTHON'
from __future__ import annotations

from dataclasses import dataclass

Strength = tuple[float, float]


@dataclass
class Colours:
    strength: Strength = (0.1, 0.2)
PYTHON
cat >square.py <<'PYTHON'
from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Square:
    side: int = 224
PYTHON
cat >settings.py <<'PYTHON'
from __future__ import annotations

from dataclasses import dataclass, field

from colours import Colours
from square import Square


@dataclass
class OneBase(Colours):
    count: int = 4


@dataclass
class TwoBases(Square, Colours):
    count: int = 4


@dataclass
class Settings:
    one: OneBase = field(default_factory=OneBase)
    two: TwoBases = field(default_factory=TwoBases)
PYTHON
"$folder/venv/bin/python" - <<'PYTHON'
import typing

from jsonargparse import ArgumentError, ArgumentParser
from settings import Settings, TwoBases

parser = ArgumentParser(exit_on_error=False)
parser.add_class_arguments(Settings)


def outcome(argument):
    try:
        section, name = argument.removeprefix("--").partition("=")[0].split(".")
        return getattr(getattr(parser.parse_args([argument]), section), name)
    except ArgumentError:
        return "refused"


found = {argument: outcome(argument) for argument in ("--one.count=many", "--two.count=many", "--two.side=many")}
hints = typing.get_type_hints(TwoBases)
unvalidated = parser.format_help().count("Unvalidated")
print(found, hints, f"{unvalidated} unvalidated in the help", sep="\n")
assert found == {"--one.count=many": "refused", "--two.count=many": "many", "--two.side=many": "many"}, "this has changed"
assert hints == {"strength": tuple[float, float], "side": int, "count": int}
assert unvalidated == 3
PYTHON
