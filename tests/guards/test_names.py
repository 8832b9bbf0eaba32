"""A name says where to look: no top-level name stands in two packages."""

from collections import defaultdict

from tests.guards.modules import Project
from tests.guards.source import Sources, package_of, package_sources, require_none

# Names that several packages may have, with the reason.
SHARED = {
    "main": "what every entry file starts",
    "METHOD": "the declaration of a method, by which it is found",
    "DOC": "the text of a command's help",
}


def names_in_two_packages(sources: Sources) -> list[str]:
    """``name: files`` for every function, class or constant, public or not, that two packages declare."""
    homes: dict[str, list[str]] = defaultdict(list)
    for module in Project(sources).modules.values():
        for name in module.definitions:
            homes[name].append(module.file)
    return [
        f"{name}: {', '.join(files)}"
        for name, files in sorted(homes.items())
        if name not in SHARED and len({package_of(file) for file in files}) > 1
    ]


def test_no_name_stands_in_two_packages() -> None:
    require_none(names_in_two_packages(package_sources()), "move what is the same to common; rename what is not")


def test_a_name_in_two_packages_is_found() -> None:
    sources = {
        "common/cam.py": "class Maps: ...\ndef make(): ...\nif True:\n    _SIZE = 3\n__all__ = []",
        "common/maps.py": "Maps: int = 3\ndef main(): ...",
        "sgan/model.py": "async def make(): ...\ndef main(): ...\n__all__ = []",
        "smaf/model.py": "_SIZE, other = 3, 4\nother[0] = 3\nimport torch as Maps\nx.make = 1",
    }
    assert names_in_two_packages(sources) == [
        "_SIZE: common/cam.py, smaf/model.py",
        "make: common/cam.py, sgan/model.py",
    ]
