"""Method folders are found, not listed; each declares its method where it is looked for."""

import ast
import re
from collections.abc import Iterator

from tests.guards.modules import Module
from tests.guards.source import METHODS, Sources, all_sources, parse, read, require_none

DECLARATION = "METHOD"


def unregistered(sources: Sources, methods: tuple[str, ...]) -> list[str]:
    """The method folders whose ``method.py`` is missing or declares no ``METHOD``."""
    files = {method: f"{method}/method.py" for method in methods}
    declared = {file for file in files.values() if DECLARATION in Module(file, sources.get(file, "")).definitions}
    return [f"{method}: no {DECLARATION} in {file}" for method, file in files.items() if file not in declared]


def lists_of_methods(sources: Sources, methods: tuple[str, ...]) -> Iterator[str]:
    """``file:line: list`` for every collection written out in a file that holds two method folders or more, and little else."""
    for name, text in sources.items():
        for node in ast.walk(parse(text)):
            values = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
            texts = {value.value for value in values if isinstance(value, ast.Constant)}
            if len(texts & set(methods)) > max(1, len(texts) // 2):
                yield f"{name}:{node.lineno}: {ast.unparse(node)}"  # type: ignore[attr-defined]


def test_every_method_folder_is_registered() -> None:
    require_none(unregistered(all_sources(".py"), METHODS), "declare the method, so that every command finds it")


def test_no_file_lists_the_method_folders() -> None:
    require_none(
        lists_of_methods(all_sources(".py"), METHODS),
        "find the folders: a sixth one is named in setup.cfg's list of packages and nowhere else",
    )


def named_twice(setup: str, methods: tuple[str, ...]) -> list[str]:
    """The method folders that stand in more than one line of ``setup.cfg``, as ``name: lines``."""
    lines = {
        name: [str(number) for number, line in enumerate(setup.splitlines(), 1) if re.search(rf"\b{name}\b", line)]
        for name in methods
    }
    return [f"{name}: line {', '.join(numbers)}" for name, numbers in lines.items() if len(numbers) > 1]


def test_setup_names_a_method_folder_once() -> None:
    require_none(named_twice(read("setup.cfg"), METHODS), "name it in options.packages.find alone")


def test_a_second_name_in_setup_is_found() -> None:
    assert named_twice("include =\n    first*\n    second*\nfiles = common, first", ("first", "second")) == [
        "first: line 2, 4"
    ]


def test_a_folder_without_a_declaration_is_found() -> None:
    sources = {
        "first/method.py": "METHOD: Method = Method(name='first')",
        "second/method.py": "from first.method import METHOD",
        "third/models/method.py": "METHOD = 3",
    }
    assert unregistered(sources, ("first", "second", "third")) == [
        "second: no METHOD in second/method.py",
        "third: no METHOD in third/method.py",
    ]


def test_a_list_of_methods_is_found() -> None:
    examples = ["ALL = ('first', 'common', 'second')", "ALL = {'first': 1, 'second': 2}", "f(['second', *x, 'first'])"]
    assert [text for text in examples if not list(found_in(text))] == []
    assert list(found_in("ONE = ['first', 'common']\nEXAMPLE = ['import first', 'import second']")) == []


def found_in(text: str) -> Iterator[str]:
    return lists_of_methods({"common/report/table.py": text}, ("first", "second"))
