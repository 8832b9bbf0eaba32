"""No file names one person's disk or one company's package index: the project runs where it is cloned."""

import re
from collections.abc import Iterator

from tests.guards.source import Sources, all_sources, require_none

# A folder that exists on somebody's machine only, at the start of a path: after a quote, a space, "=" or an opening
# bracket. The names are cut from their slash so that a plain text search for them finds nothing here.
FOLDERS = "home|mnt|media|root|Users|data[0-9]*|work|workspace|tmp|var|opt|srv|scratch"
ABSOLUTE = re.compile(rf"(?:^|[\s'\"=(\[,:])(?:/(?:{FOLDERS})(?:/|\b)(?![*.])|[A-Za-z]:\\\\?\w)")
INDEX_HOSTS = re.compile(r"\bpypi\.|pythonhosted\.org|download\.pytorch\.org|anaconda\.org|--(?:extra-)?index-url")
READ = (".py", ".sh", ".yaml", ".yml", ".cfg", ".toml", ".md")
THIS = "tests/guards/test_portable_text.py"

OWN_PATHS = [
    "root = '/" + "home/someone/VOC2012'",
    "--data /" + "mnt/disk1/voc",
    "cd /" + "data2/voc && ls",
    "path=/" + "Users/someone",
    'open("C:' + '\\\\Users\\\\voc")',
    "voc_root: /" + "media/disk",
]
PORTABLE = [
    "root = 'data/voc'",
    "x = base / 'home' / name",
    "see https://host.org/data/voc",
    '"$root/data/voc"',
    "a/tmp/b",
]
INDICES = ["pip install -i https://pypi.org/simple", "--index-url https://mirror.org"]


def lines_with(pattern: re.Pattern[str], sources: Sources) -> Iterator[str]:
    """The lines in which a pattern occurs, as ``file:number: line``."""
    for name, text in sources.items():
        for number, line in enumerate(text.splitlines(), start=1):
            if pattern.search(line):
                yield f"{name}:{number}: {line.strip()}"


def test_no_file_names_a_path_of_one_machine() -> None:
    require_none(lines_with(ABSOLUTE, all_sources(*READ)), "name paths relative to the repository")


def test_no_file_names_a_package_index() -> None:
    sources = {name: text for name, text in all_sources(*READ).items() if name != THIS}
    require_none(lines_with(INDEX_HOSTS, sources), "leave the index to pip's own configuration")


def test_a_path_of_one_machine_is_found() -> None:
    assert [text for text in OWN_PATHS if not ABSOLUTE.search(text)] == []


def test_a_relative_path_passes() -> None:
    assert [text for text in PORTABLE if ABSOLUTE.search(text)] == []


def test_a_package_index_is_found() -> None:
    assert [text for text in INDICES if not INDEX_HOSTS.search(text)] == []
