"""No file names one person's disk or one company's package index: the project runs where it is cloned."""

import re

import pytest

from tests.guards.source import all_files, read

# A folder that exists on somebody's machine only, at the start of a path: after a quote, a space, "=" or an opening
# bracket. The names are cut from their slash so that a plain text search for them finds nothing here.
FOLDERS = "home|mnt|media|root|Users|data[0-9]*|work|workspace|tmp|var|opt|srv|scratch"
ABSOLUTE = re.compile(rf"(?:^|[\s'\"=(\[,:])(?:/(?:{FOLDERS})(?:/|\b)(?![*.])|[A-Za-z]:\\\\?\w)")
INDEX_HOSTS = re.compile(r"\bpypi\.|pythonhosted\.org|download\.pytorch\.org|anaconda\.org|--(?:extra-)?index-url")


def own_paths(text: str) -> list[str]:
    """The lines of a text that name an absolute path of one machine, as ``number: line``."""
    lines = enumerate(text.splitlines(), start=1)
    return [f"{number}: {line.strip()}" for number, line in lines if ABSOLUTE.search(line)]


@pytest.mark.parametrize("name", all_files(".py", ".sh", ".yaml", ".yml", ".cfg", ".toml", ".md"))
def test_no_file_names_a_path_of_one_machine(name):
    assert own_paths(read(name)) == []


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in all_files(".py", ".sh", ".yaml", ".yml", ".cfg", ".toml", ".md")
        if name != "tests/guards/test_portable_text.py"
    ],
)
def test_no_file_names_a_package_index(name):
    assert INDEX_HOSTS.findall(read(name)) == []


@pytest.mark.parametrize(
    "text",
    [
        "root = '/" + "home/someone/VOC2012'",
        "--data /" + "mnt/disk1/voc",
        "cd /" + "data2/voc && ls",
        "path=/" + "Users/someone",
        'open("C:' + '\\\\Users\\\\voc")',
        "voc_root: /" + "media/disk",
    ],
)
def test_a_path_of_one_machine_is_found(text):
    assert own_paths(text)


@pytest.mark.parametrize(
    "text",
    ["root = 'data/voc'", "x = base / 'home' / name", "see https://host.org/data/voc", '"$root/data/voc"', "a/tmp/b"],
)
def test_a_relative_path_passes(text):
    assert own_paths(text) == []


@pytest.mark.parametrize("text", ["pip install -i https://pypi.org/simple", "--index-url https://mirror.org"])
def test_a_package_index_is_found(text):
    assert INDEX_HOSTS.search(text)
