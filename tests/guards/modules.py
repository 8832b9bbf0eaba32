"""The packages as a net of names: what every module declares at its top level, and what a name in a module stands for."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from tests.guards.source import Sources, dotted, imported_later, imported_modules, is_entry, parse

# A top-level name of a module: (dotted module, name). The name is empty for the module itself.
Place = tuple[str, str]


@dataclass(frozen=True)
class Module:
    """One file of a package."""

    file: str
    text: str

    @property
    def name(self) -> str:
        """``sgan.models`` for ``sgan/models/__init__.py``."""
        return self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @cached_property
    def tree(self) -> ast.Module:
        return parse(self.text)

    @cached_property
    def definitions(self) -> dict[str, list[ast.stmt]]:
        """Top-level name -> the statements that bind it; names with two underscores at both ends are Python's."""
        found: dict[str, list[ast.stmt]] = defaultdict(list)
        for statement in top_level(self.tree.body):
            for name in bound_names(statement):
                if not (name.startswith("__") and name.endswith("__")):
                    found[name].append(statement)
        return found

    @cached_property
    def running(self) -> list[ast.stmt]:
        """The top-level statements that bind nothing: they run when the module is imported, or started."""
        return [statement for statement in top_level(self.tree.body) if not bound_names(statement)]

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Local name -> dotted name of what was imported under it, in functions too."""
        found = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found[alias.asname or alias.name.split(".")[0]] = (
                        alias.name if alias.asname else alias.name.split(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom):
                found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        return found


class Project:
    """All modules of the packages, by file and by dotted name."""

    def __init__(self, sources: Sources) -> None:
        self.modules = {module.name: module for module in (Module(*item) for item in sources.items())}

    def resolve(self, module: Module, name: str) -> Place | None:
        """The place that a dotted name used in a module stands for; None for what is not the project's."""
        first, _, rest = name.partition(".")
        if first in module.definitions:
            return module.name, first
        if first not in module.aliases:
            return None
        return self.find(f"{module.aliases[first]}.{rest}".rstrip("."))

    def find(self, name: str) -> Place | None:
        """The place of a full dotted name; a name that a module only hands on is followed to its home."""
        parts = name.split(".")
        for end in range(len(parts), 0, -1):
            module = self.modules.get(".".join(parts[:end]))
            if module is None:
                continue
            rest = parts[end:]
            if not rest or rest[0] in module.definitions:
                return module.name, "".join(rest[:1])
            return self.resolve(module, ".".join(rest)) if rest[0] in module.aliases else (module.name, "")
        return None

    def references(self, module: Module, statements: Sequence[ast.AST]) -> Iterator[Place]:
        """The places that statements of a module read."""
        for statement in statements:
            for node in ast.walk(statement):
                name, later = dotted(node), imported_later(node)
                place = self.resolve(module, name) if name and not name.startswith(".") else None
                place = self.find(".".join(later)) if later else place
                if place is not None:
                    yield place

    def importers(self) -> dict[str, set[str]]:
        """File -> the other files that import it."""
        found: dict[str, set[str]] = {module.file: set() for module in self.modules.values()}
        for importer in self.modules.values():
            for name in imported_modules(importer.text):
                if name in self.modules and name != importer.name:
                    found[self.modules[name].file].add(importer.file)
        return found

    def entries(self) -> list[Module]:
        """The modules that are commands of their own."""
        return [module for module in self.modules.values() if is_entry(module.text)]


def top_level(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those under a top-level ``if`` or ``try`` one by one."""
    for statement in body:
        if isinstance(statement, ast.If):
            yield ast.Expr(statement.test)
            yield from top_level([*statement.body, *statement.orelse])
        elif isinstance(statement, ast.Try):
            handled = [inner for handler in statement.handlers for inner in handler.body]
            yield from top_level([*statement.body, *handled, *statement.orelse, *statement.finalbody])
        else:
            yield statement


def bound_names(statement: ast.stmt) -> list[str]:
    """The names that a top-level definition or assignment binds; none for an import."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
        targets = [statement.target]
    names = [node for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
    return [node.id for node in names if isinstance(node.ctx, ast.Store)]
