"""What the guards share: which packages and files the project has, what a file imports, and how offenders are named."""

from __future__ import annotations

import ast
import configparser
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_METHODS = ("common", "deeplabv2")
NOT_OURS = {"__pycache__", "build", "dist", "data", "runs", "venv"}
# Path relative to the root -> text. Guards read these, so that examples can stand in for the project's files.
Sources = Mapping[str, str]


def setup(root: Path = ROOT) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(root / "setup.cfg", encoding="utf-8")
    return parser


def named_packages(root: Path = ROOT) -> tuple[str, ...]:
    """The packages that the installer looks for, whether they are written or not."""
    return tuple(name.rstrip("*") for name in setup(root)["options.packages.find"]["include"].split())


def methods(root: Path = ROOT) -> tuple[str, ...]:
    """The method folders that exist."""
    return tuple(name for name in named_packages(root) if name not in NOT_METHODS and (root / name).is_dir())


PACKAGES = named_packages()
METHODS = methods()


def files(top: str, *suffixes: str) -> list[str]:
    """Paths below ``top``, relative to the root, of the files with one of ``suffixes``; sorted."""
    found = (path for path in (ROOT / top).rglob("*") if path.is_file() and path.suffix in suffixes)
    return sorted(path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts)


def own_tops(root: Path = ROOT) -> list[Path]:
    """Files and folders at the top that are the project's: no environment, cache or output of a command."""
    tops = [path for path in root.iterdir() if path.name not in NOT_OURS and not path.name.endswith(".egg-info")]
    # Of the hidden folders only .ci is written by hand; a virtual environment or a cache is not.
    return sorted(path for path in tops if not path.name.startswith(".") or path.name == ".ci")


def all_files(*suffixes: str) -> list[str]:
    """The files of the whole project."""
    tops = own_tops()
    below = [name for path in tops if path.is_dir() for name in files(path.name, *suffixes)]
    return sorted([*below, *(path.name for path in tops if path.is_file() and path.suffix in suffixes)])


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def package_sources() -> dict[str, str]:
    """All Python files of all packages."""
    return {name: read(name) for package in PACKAGES for name in files(package, ".py")}


def method_sources() -> dict[str, str]:
    """All Python files of all method folders."""
    return {name: text for name, text in package_sources().items() if package_of(name) in METHODS}


def all_sources(*suffixes: str) -> dict[str, str]:
    """All files of the project with these endings."""
    return {name: read(name) for name in all_files(*suffixes)}


def package_of(name: str) -> str:
    """``sgan`` for ``sgan/tools/bench.py``."""
    return name.split("/")[0]


def require_none(offenders: Iterable[str], advice: str) -> None:
    """Fail with a message that names every offender."""
    found = list(offenders)
    if found:
        lines = "\n  ".join(found)
        pytest.fail(f"{advice}; {len(found)} found:\n  {lines}", pytrace=False)


@cache
def parse(text: str) -> ast.Module:
    """The syntax tree of a Python text; to be read, not changed."""
    return ast.parse(text)


def imports(text: str) -> set[tuple[str, str]]:
    """What a Python text imports: (module, name), or (module, ""). By statement, ``import_module("literal")`` or ``Imported("module", "name")``."""
    found: set[tuple[str, str]] = set()
    for node in ast.walk(parse(text)):
        if isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {(str(node.module), alias.name) for alias in node.names}
        elif later := imported_later(node):
            found.add(later)
        elif isinstance(node, ast.Call) and called_name(node) in ("import_module", "__import__") and node.args:
            literal = node.args[0]
            if isinstance(literal, ast.Constant):
                found.add((str(literal.value), ""))
    return found


def imported_later(node: ast.AST) -> tuple[str, str] | None:
    """(module, name) of ``Imported("module", "name.attribute")``, see :class:`common.commands.Imported`; None for anything else."""
    if not isinstance(node, ast.Call) or called_name(node) != "Imported":
        return None
    literals = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
    return (str(literals[0]), str(literals[1]).partition(".")[0]) if len(literals) == 2 else None


def imported_modules(text: str) -> set[str]:
    """Dotted names of the modules a Python text imports."""
    # ``from torch.utils import tensorboard`` imports torch.utils.tensorboard.
    return {name for module, last in imports(text) for name in (module, f"{module}.{last}" if last else module)}


def called_name(call: ast.Call) -> str:
    """The last part of what is called: ``load`` for ``torch.serialization.load``."""
    return dotted(call.func).rsplit(".", 1)[-1]


def dotted(node: ast.AST) -> str:
    """``torch.load`` for that expression; what is not a name in front is left out (``.backward`` for ``f().backward``)."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def is_entry(text: str) -> bool:
    """Whether a Python file is a command of its own: it has a block ``if __name__ == "__main__"``."""
    return any(
        isinstance(node, ast.If) and isinstance(node.test, ast.Compare) and dotted(node.test.left) == "__name__"
        for node in parse(text).body
    )
