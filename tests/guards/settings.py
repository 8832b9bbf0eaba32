"""The settings of the commands: which dataclasses they are, found from where a command or a method names them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property

from tests.guards.modules import Module, Place, Project
from tests.guards.source import called_name, dotted

# What takes a dataclass of settings: the parser, and the declarations of methods and commands.
TAKERS = ("parse_config", "Method", "Command")
BASE = ("common.method.settings", "MethodSettings")


class Settings:
    """The dataclasses that the project's commands read.

    Attributes:
        project: the modules they stand in.
    """

    def __init__(self, project: Project) -> None:
        self.project = project

    @cached_property
    def dataclasses(self) -> dict[Place, ast.ClassDef]:
        """All dataclasses of the project."""
        return {
            (module.name, name): statement
            for module in self.project.modules.values()
            for name, statements in module.definitions.items()
            for statement in statements
            if isinstance(statement, ast.ClassDef) and any(is_dataclass(one) for one in statement.decorator_list)
        }

    @cached_property
    def named(self) -> set[Place]:
        """The dataclasses that are handed to a parser, a method or a command, and those that extend every method's."""
        given = {place for place in self.dataclasses if BASE in self.ancestors(place)}
        for module in self.project.modules.values():
            for call in (node for node in ast.walk(module.tree) if isinstance(node, ast.Call)):
                if called_name(call) in TAKERS:
                    values = [*call.args, *(keyword.value for keyword in call.keywords)]
                    given |= set(self.project.references(module, [v for v in values if dotted(v)])) & set(
                        self.dataclasses
                    )
        return given

    @cached_property
    def sections(self) -> set[Place]:
        """The dataclasses that are a field of another, however deep."""
        found: set[Place] = set()
        waiting = list(self.named)
        while waiting:
            new = {section for place in self.family(waiting.pop()) for section in self.sections_of(place)} - found
            found |= new
            waiting.extend(new)
        return found

    @cached_property
    def whole(self) -> set[Place]:
        """The whole configurations of commands; not the sections that a small command reads alone."""
        return self.named - self.sections

    @cached_property
    def all(self) -> set[Place]:
        """Whole configurations, sections, and what they extend."""
        return {one for place in self.named | self.sections for one in self.family(place)}

    def family(self, place: Place) -> list[Place]:
        """A dataclass and all that it extends."""
        return [place, *self.ancestors(place)]

    def ancestors(self, place: Place) -> list[Place]:
        """The dataclasses that one extends, nearest first."""
        found = []
        for base in self.dataclasses[place].bases:
            above = self.project.resolve(self.module(place), dotted(base))
            if above in self.dataclasses and above is not None:
                found += self.family(above)
        return found

    def fields(self, place: Place) -> Iterator[ast.AnnAssign]:
        """The fields that a dataclass declares itself."""
        for statement in self.dataclasses[place].body:
            if isinstance(statement, ast.AnnAssign) and not ast.unparse(statement.annotation).startswith("ClassVar"):
                yield statement

    def sections_of(self, place: Place) -> set[Place]:
        """The dataclasses that are the type of a field."""
        return {section for field in self.fields(place) for section in self.types(place, field)}

    def types(self, place: Place, field: ast.AnnAssign) -> set[Place]:
        """The dataclasses in a field's annotation."""
        return set(self.project.references(self.module(place), [field.annotation])) & set(self.dataclasses)

    def module(self, place: Place) -> Module:
        return self.project.modules[place[0]]


def is_dataclass(decorator: ast.expr) -> bool:
    """Whether a decorator makes a dataclass."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return dotted(called).rsplit(".", 1)[-1] == "dataclass"
