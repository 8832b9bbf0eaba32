"""Networks, losses, samples and label rules take values: whole configurations end in the declaration of the method."""

import ast
from collections import defaultdict
from collections.abc import Iterator

from tests.guards.modules import Project
from tests.guards.settings import Settings
from tests.guards.source import METHODS, Sources, is_entry, package_of, package_sources, require_none

# Names by which a whole configuration goes where its type is not said.
USUAL_NAMES = ("settings", "config", "configuration", "options")
HEAD = {
    "common/method/settings.py": """
@dataclass
class Backbone:
    width: int = 1
@dataclass
class MethodSettings:
    backbone: Backbone = Backbone()
""",
    "sgan/settings.py": """
from common.method.settings import MethodSettings
@dataclass
class SganSettings(MethodSettings):
    def of(self, other: MethodSettings) -> SganSettings: ...
""",
}
IMPORTS = "from common.method.settings import Backbone, MethodSettings\nfrom sgan import settings as all_settings\n"
AGAINST_THE_RULE = [
    "def build(chosen: all_settings.SganSettings): ...",
    "def build(*, chosen: MethodSettings | None = None): ...",
    "def build(of: Callable[[MethodSettings], int]): ...",
    "def build(chosen: 'MethodSettings'): ...",
    "class Step:\n    def __init__(self, n: int, *settings: MethodSettings): ...",
    "@dataclass\nclass Step:\n    chosen: MethodSettings\n",
    "def build(config: Any): ...",
    "def build(settings): ...",
]
BY_THE_RULE = [
    "def build(backbone: Backbone, width: int, settings: int) -> MethodSettings: ...",
    "class Step:\n    def __init__(self, n: int = 0): ...",
]


def configurations_taken(sources: Sources, methods: tuple[str, ...]) -> list[str]:
    """``file: what (lines)`` for parameters and fields that are a whole configuration.

    ``method.py``, ``*_stages.py``, entry files and the files that declare a whole configuration may have them.
    """
    project = Project(sources)
    settings = Settings(project)
    whole = {one for place in settings.whole for one in settings.family(place)}
    declaring = {module for module, _ in settings.whole}
    found: dict[str, list[str]] = defaultdict(list)
    for module in project.modules.values():
        if (
            package_of(module.file) in methods
            and module.name not in declaring
            and not is_free(module.file, module.text)
        ):
            for line, name, annotation in annotated(module.tree):
                types = set(project.references(module, [annotation])) if annotation is not None else set()
                text = ast.unparse(annotation) if annotation is not None else "without a type"
                if types & whole or (name in USUAL_NAMES and text in ("Any", "without a type")):
                    found[f"{module.file}: {name}: {text}"].append(str(line))
    return [f"{what} (line {', '.join(lines)})" for what, lines in found.items()]


def is_free(file: str, text: str) -> bool:
    # A method of many stages declares them in several files.
    return (file.count("/") == 1 and file.endswith(("/method.py", "_stages.py"))) or is_entry(text)


def annotated(tree: ast.AST) -> Iterator[tuple[int, str, ast.expr | None]]:
    """(line, name, annotation) of all parameters of functions and all fields of classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            yield node.lineno, node.arg, unquoted(node.annotation)
        elif isinstance(node, ast.ClassDef):
            for statement in node.body:
                if isinstance(statement, ast.AnnAssign):
                    yield statement.lineno, ast.unparse(statement.target), unquoted(statement.annotation)


def unquoted(annotation: ast.expr | None) -> ast.expr | None:
    """The annotation, also where it is written as a text."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return ast.parse(annotation.value, mode="eval").body
    return annotation


def test_only_the_declaration_of_a_method_takes_its_settings() -> None:
    require_none(
        configurations_taken(package_sources(), METHODS),
        "hand over the values that are used; method.py, settings and entry files take configurations apart",
    )


def test_a_function_that_takes_the_whole_configuration_is_found() -> None:
    assert [text for text in AGAINST_THE_RULE if not found_in("sgan/losses.py", text)] == []


def test_a_function_that_takes_values_passes() -> None:
    assert [text for text in BY_THE_RULE if found_in("sgan/losses.py", text)] == []


def test_the_declaration_and_entry_files_may_take_it() -> None:
    entry = '\nif __name__ == "__main__":\n    main()\n'
    assert [text for text in AGAINST_THE_RULE if found_in("sgan/method.py", text)] == []
    assert [text for text in AGAINST_THE_RULE if found_in("sgan/tools/train.py", text + entry)] == []
    assert found_in("sgan/tools/method.py", AGAINST_THE_RULE[0]) != []


def found_in(file: str, text: str) -> list[str]:
    return configurations_taken({**HEAD, file: IMPORTS + text}, ("sgan",))
