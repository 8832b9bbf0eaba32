"""What the guards share: which files the project has, and what a file imports."""

from __future__ import annotations

import ast
import configparser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
METHODS = ("sgan", "smaf", "l2g_cda", "i2crc", "sod_wsss")
PACKAGES = ("common", "deeplabv2", *METHODS)
NOT_OURS = {"__pycache__", "build", "dist", "data", "runs", "venv"}


def files(top: str, *suffixes: str) -> list[str]:
    """Paths below ``top``, relative to the root, of the files with one of ``suffixes``; sorted."""
    found = (path for path in (ROOT / top).rglob("*") if path.is_file() and path.suffix in suffixes)
    return sorted(path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts)


def package_files(*suffixes: str) -> list[str]:
    """The files of all packages that exist, relative to the root."""
    return [name for package in PACKAGES for name in files(package, *suffixes)]


def all_files(*suffixes: str) -> list[str]:
    """The files of the whole project, without environments, caches and what commands wrote."""
    tops = [path for path in ROOT.iterdir() if path.name not in NOT_OURS and not path.name.endswith(".egg-info")]
    # Of the hidden folders only .ci is written by hand; a virtual environment or a cache is not.
    ours = [path for path in tops if not path.name.startswith(".") or path.name == ".ci"]
    below = [name for path in ours if path.is_dir() for name in files(path.name, *suffixes)]
    return sorted([*below, *(path.name for path in ours if path.is_file() and path.suffix in suffixes)])


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def imported_modules(text: str) -> set[str]:
    """Dotted names of the modules a Python text imports, by statement or by ``import_module("literal")``."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(str(node.module))
            # ``from torch.utils import tensorboard`` imports torch.utils.tensorboard.
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and called_name(node) in ("import_module", "__import__") and node.args:
            literal = node.args[0]
            if isinstance(literal, ast.Constant):
                names.add(str(literal.value))
    return names


def called_name(call: ast.Call) -> str:
    """The last part of what is called: ``load`` for ``torch.serialization.load``."""
    return dotted(call.func).rsplit(".", 1)[-1]


def dotted(node: ast.expr) -> str:
    """``torch.load`` for that expression; what is not a name in front is left out (``.backward`` for ``f().backward``)."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""
