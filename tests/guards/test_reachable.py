"""What no command can reach is not in a method folder, nor in ``deeplabv2``: code that only tests call goes to the tests."""

from collections.abc import Iterable

from tests.guards.modules import Module, Place, Project
from tests.guards.source import METHODS, Sources, package_of, package_sources, require_none

DECLARATION = "METHOD"
HEAD = "from sgan.model import Net, unused as used_elsewhere\nimport sgan.parts\n"
EXAMPLE = {
    "sgan/method.py": f"{HEAD}METHOD = Method(network=Net, data=sgan.parts.data)\ndef left(): ...",
    "sgan/model.py": "from sgan import SIZE\nclass Net:\n    def f(self): return helper(SIZE)\n"
    "def helper(size): return helper(size)\ndef unused(): return only_for_unused()\ndef only_for_unused(): ...",
    "sgan/parts.py": "def data(): ...\nTABLE = {}\nTABLE['x'] = registered()\ndef registered(): ...",
    "sgan/__init__.py": "from sgan.sizes import SIZE",
    "sgan/sizes.py": "SIZE = 3\nOTHER = 4",
    "sgan/tools/train.py": "from sgan import late\ndef main(): late.run()\nif __name__ == '__main__':\n    run_command(main)",
    "sgan/late.py": "def run():\n    from sgan.later import act\n    act()",
    "sgan/later.py": "def act() -> 'int': ...",
    "sgan/tools/lazy.py": "def main(): Imported('sgan.asked', 'Asked.run')()\nif __name__ == '__main__':\n    run_command(main)",
    "sgan/asked.py": "class Asked: ...\ndef unasked(): ...",
    "sgan/never.py": "def main(): other()\ndef other(): ...\nMETHOD = main",
}
UNREACHED = [
    "sgan/asked.py: unasked",
    *("sgan/method.py: left", "sgan/model.py: only_for_unused, unused", "sgan/never.py: METHOD, main, other"),
    "sgan/sizes.py: OTHER",
]


def unreached(sources: Sources, packages: Iterable[str]) -> list[str]:
    """``file: names`` for every top-level name that neither an entry file nor a method's declaration leads to."""
    project = Project(sources)
    reached = reachable(project)
    found = []
    for module in project.modules.values():
        names = sorted(name for name in module.definitions if (module.name, name) not in reached)
        if names and package_of(module.file) in packages:
            found.append(f"{module.file}: {', '.join(names)}")
    return sorted(found)


def reachable(project: Project) -> set[Place]:
    """The places that commands lead to: from name to name, and through what runs when a module is imported."""
    waiting: list[Place] = [(module.name, "") for module in project.entries()]
    waiting += [(module.name, DECLARATION) for module in project.modules.values() if is_declaration(module)]
    reached: set[Place] = set()
    while waiting:
        place = waiting.pop()
        if place not in reached:
            reached.add(place)
            waiting.extend(led_to(project, project.modules[place[0]], place[1]))
    return reached


def is_declaration(module: Module) -> bool:
    """Whether a module is the ``method.py`` of a package and declares a method."""
    return module.name.split(".")[1:] == ["method"] and DECLARATION in module.definitions


def led_to(project: Project, module: Module, name: str) -> Iterable[Place]:
    """The places that one place leads to."""
    if name:
        return [(module.name, ""), *project.references(module, module.definitions[name])]
    imported = {place for alias in module.aliases.values() if (place := project.find(alias))}
    return [*((one, "") for one, _ in imported), *project.references(module, module.running)]


def test_every_name_is_reached_by_a_command() -> None:
    require_none(
        unreached(package_sources(), ("deeplabv2", *METHODS)),
        "delete it, or move what only tests need to the tests",
    )


def test_what_no_command_reaches_is_found() -> None:
    assert unreached(EXAMPLE, ("sgan",)) == UNREACHED
