"""A file holds one idea: it can be read in one sitting, and it is either worth opening or used in several places."""

from tests.guards.modules import Project
from tests.guards.source import METHODS, Sources, all_sources, is_entry, package_of, package_sources, require_none

PACKAGE_LINES = 300
TEST_LINES = 400
LEAST_LINES = 50
LEAST_IMPORTERS = 2
METHOD_FILES = 12
# A method whose ``__init__.py`` says why, after these words, may have so many.
REASON, MORE_FILES = "More than 12 files: ", 17


def too_long(sources: Sources) -> list[str]:
    limits = {name: TEST_LINES if name.startswith("tests/") else PACKAGE_LINES for name in sources}
    lengths = {name: len(text.splitlines()) for name, text in sources.items()}
    return [
        f"{name}: {lengths[name]} lines, at most {limits[name]}" for name in sources if lengths[name] > limits[name]
    ]


def too_short(sources: Sources) -> list[str]:
    """Files of few lines that one other file imports, or none; entry files are short by their nature."""
    importers = Project(sources).importers()
    return [
        f"{name}: {len(text.splitlines())} lines, imported by {', '.join(sorted(importers[name])) or 'nothing'}"
        for name, text in sources.items()
        if len(text.splitlines()) < LEAST_LINES
        and len(importers[name]) < LEAST_IMPORTERS
        and not name.endswith(("/__init__.py", "/__main__.py"))
        and not is_entry(text)
    ]


def crowded(sources: Sources, methods: tuple[str, ...]) -> list[str]:
    """Methods with too many files, ``__init__.py`` and entry files not counted."""
    counts = {
        method: sum(
            package_of(name) == method and not name.endswith("/__init__.py") and not is_entry(text)
            for name, text in sources.items()
        )
        for method in methods
    }
    said = {method: REASON in sources.get(f"{method}/__init__.py", "") for method in methods}
    limits = {method: MORE_FILES if said[method] else METHOD_FILES for method in methods}
    return [f"{method}: {n} files, at most {limits[method]}" for method, n in counts.items() if n > limits[method]]


def test_no_file_is_too_long() -> None:
    require_none(too_long(all_sources(".py")), "split it by idea")


def test_no_file_is_too_short() -> None:
    require_none(
        too_short(package_sources()),
        f"a file has {LEAST_LINES} lines or {LEAST_IMPORTERS} importers; put it where it is used",
    )


def test_no_method_has_too_many_files() -> None:
    require_none(crowded(package_sources(), METHODS), "what every method needs belongs to common; merge by idea")


def test_one_line_too_many_is_found() -> None:
    sources = {"common/engine/loop.py": "\n" * 300, "tests/common/test_files.py": "\n" * 400}
    assert too_long(sources) == []
    assert len(too_long({name: text + "\n" for name, text in sources.items()})) == 2


def test_a_short_file_with_one_importer_is_found() -> None:
    short = {"sgan/paint.py": "x = 1\n", "sgan/model.py": "from sgan.paint import x\n" + "\n" * 50}
    assert too_short(short) == ["sgan/paint.py: 1 lines, imported by sgan/model.py"]
    assert too_short({**short, "sgan/paint.py": "x = 1\n" * 50}) == []
    assert too_short({**short, "sgan/__init__.py": "from sgan import paint"}) == []
    assert too_short({"sgan/train.py": 'if __name__ == "__main__":\n    main()\n'}) == []


def test_one_file_too_many_is_found() -> None:
    sources = {f"sgan/part{number}.py": "" for number in range(METHOD_FILES)}
    others = {"sgan/__init__.py": "", "sgan/train.py": 'if __name__ == "__main__":\n    main()\n', "common/cam.py": ""}
    assert crowded(sources | others, ("sgan", "sixth")) == []
    assert crowded({**sources, **others, "sgan/tools/more.py": ""}, ("sgan",)) == ["sgan: 13 files, at most 12"]


def test_a_method_that_says_why_may_have_more_files() -> None:
    sources = {f"sgan/part{number}.py": "" for number in range(METHOD_FILES + 1)}
    assert crowded(sources, ("sgan",)) != []
    assert crowded({**sources, "sgan/__init__.py": f'"""SGAN. {REASON}three networks."""'}, ("sgan",)) == []
