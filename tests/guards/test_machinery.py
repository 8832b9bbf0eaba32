"""A method folder does not import the machinery: it hands over what the paper adds, and ``common.method`` runs it."""

from tests.guards.source import Sources, imports, method_sources, require_none

# Module -> the names that are machinery (none given: all of it), and which stage has it.
MACHINERY: dict[str, tuple[tuple[str, ...], str]] = {
    "common.engine.train": ((), "the training loop: declare a Training"),
    "common.engine.state": ((), "what the training loop saves and restores: declare a Training"),
    "common.engine.checkpoint": (("save_checkpoint",), "the training writes its checkpoints"),
    "common.engine.run_folder": ((), "a stage knows its folder and the settings it was made with"),
    "common.engine.session": (("start_session",), "a stage starts its processes"),
    "common.engine.inference": ((), "the images -> files loop: declare Maps or Labels"),
    "common.metrics.folder": ((), "the scorer of label maps: declare Labels"),
    "common.report.record": (("Evaluated", "make_result", "floor_result"), "the scorer records what it measured"),
    "common.report.results": (
        ("Result", "add_results", "read_results", "write_results"),
        "the scorer records what it measured",
    ),
}

AGAINST_THE_RULE = [
    "from common.engine.train import train",
    "from common.engine import train",
    "import common.engine.inference as loop",
    "def late():\n    from common.engine.session import Session, start_session",
    "from common.engine import session",
    "from common.engine.session import *",
    "importlib.import_module('common.metrics.folder')",
]
BY_THE_RULE = [
    "from common.engine.session import Session, choose_device",
    "from common.report.results import NONE",
    "from common.engine.checkpoint import load_model_state",
    "from common.engine.optimizer import train_rules",
    "from common.method.training import Training",
]


def machinery_imports(sources: Sources) -> list[str]:
    """``file: module (names): reason`` for every file and module of machinery that it imports."""
    found = []
    for name, text in sources.items():
        imported = sorted(f"{module}.{last}".rstrip(".") for module, last in imports(text))
        for module, (names, reason) in MACHINERY.items():
            used = [one.removeprefix(f"{module}.") for one in imported if is_machinery(one, module, names)]
            if used:
                found.append(f"{name}: {module} ({', '.join(used)}): {reason}")
    return found


def is_machinery(imported: str, module: str, names: tuple[str, ...]) -> bool:
    """Whether an import is of a module's machinery; who imports a module as a whole, or ``*``, can use all of it."""
    if imported in (module, f"{module}.*"):
        return True
    return any(imported == f"{module}.{name}" for name in names) if names else imported.startswith(f"{module}.")


def test_a_method_does_not_import_the_machinery() -> None:
    require_none(machinery_imports(method_sources()), "a method declares its stages; common.method runs them")


def test_an_import_of_machinery_is_found() -> None:
    assert [text for text in AGAINST_THE_RULE if not machinery_imports({"sgan/train.py": text})] == []


def test_an_import_of_values_passes() -> None:
    assert [text for text in BY_THE_RULE if machinery_imports({"sgan/method.py": text})] == []
