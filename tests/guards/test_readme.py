"""What the README names exists: modules, scripts, configs, pictures and linked files."""

import importlib.util
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

import readme_commands

from tests.guards.source import ROOT, read, require_none

# Where commands write: these paths come into being by running the README.
WRITTEN = ("runs/", "data/")
FILE_SUFFIXES = (".py", ".sh", ".yaml", ".yml")
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)|<(?:img|a)\s[^>]*(?:src|href)=\"(?P<attribute>[^\"]+)\"")

LACKING = {
    "python -m common.never_written --toy": "python -m common.never_written",
    "python -m never_written.at_all": "python -m never_written.at_all",
    "pip install -e . && python -m common.never_written": "python -m common.never_written",
    "bash sgan/never.sh": "sgan/never.sh",
    "python -m common.errors --config never/voc.yaml": "never/voc.yaml",
    "torchrun --nproc_per_node=2 -m common.errors --config=never.yml": "never.yml",
    "torchrun --nproc_per_node=2 -m common.never_written": "python -m common.never_written",
    "cd never && ls": "never",
}
COMPLETE = [
    "python -m common.errors --config ruff.toml",
    "cd common && python files.py; python -m json.tool",
    'bash "$SCRIPT"',
    "python -m pytest -k 'a or b' --out runs/first/config.yaml",
    "python deeplabv2/main.py predict -m model.pth",
]


def missing(blocks: Iterable[readme_commands.Block], root: Path = ROOT) -> list[str]:
    """What the commands of ``blocks`` name and ``root`` does not hold: ``python -m`` modules, scripts and configs."""
    found = []
    for block in blocks:
        folder = root
        for words in simple_commands(block):
            if words[0] == "cd":
                folder = folder / words[-1]
            found += [f"line {block.line}: {word}" for word in missing_words(words, folder)]
    return found


def simple_commands(block: readme_commands.Block) -> list[list[str]]:
    """The commands of a block as words, split at ``&&``, ``|``, ``;`` and brackets."""
    split: list[list[str]] = [[]]
    for command in readme_commands.commands(block):
        words = shlex.shlex(command, posix=True, punctuation_chars=True)
        for word in [*words, ";"]:
            if word and set(word) <= set("();<>|&"):
                split.append([])
            else:
                split[-1].append(word)
    return [words for words in split if words]


def missing_words(words: list[str], folder: Path) -> list[str]:
    lacking = []
    for position, (before, word) in enumerate(zip(["", *words], words, strict=False)):
        # Behind a script, -m is a flag of the script.
        module_flag = before == "-m" and not any(earlier.endswith(".py") for earlier in words[:position])
        if module_flag and words[0] in ("python", "torchrun") and not module_exists(word):
            lacking.append(f"python -m {word}")
        # A variable's value is not known here, and what a command wrote is not there yet.
        if "$" in word or word.startswith(WRITTEN):
            continue
        path = word.split("=", 1)[-1]
        is_path = path.endswith(FILE_SUFFIXES) or before == "cd" or (before in ("bash", "source") and path[0] != "-")
        if is_path and not (folder / path if before != "cd" else folder).exists():
            lacking.append(path)
    return lacking


def module_exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def broken_links(markdown: str, root: Path = ROOT) -> list[str]:
    """The files a Markdown text links to or shows that ``root`` does not hold."""
    targets = (match["target"] or match["attribute"] for match in LINK.finditer(markdown))
    local = (target.split("#")[0] for target in targets if "://" not in target and not target.startswith("mailto:"))
    return [target for target in local if target and not (root / target).exists()]


def test_the_first_two_blocks_are_the_first_look_and_the_test() -> None:
    first, second, *_ = readme_commands.bash_blocks(read("README.md"))
    assert "common.demo" in first.text
    assert "pytest" in second.text


def test_every_command_names_what_exists() -> None:
    # Blocks CI cannot run, for want of data or days, are held to the same.
    blocks = [block for block in readme_commands.fenced_blocks(read("README.md")) if block.language in ("bash", "text")]
    shown = [
        block for block in blocks if block.language == "bash" or re.search(r"^(python|bash|cd) ", block.text, re.M)
    ]
    require_none(missing(shown), "README.md names what is not there")


def test_every_linked_file_exists() -> None:
    require_none(broken_links(read("README.md")), "README.md links to what is not there")


def test_a_command_that_names_what_is_not_there_is_found() -> None:
    found = {command: missing([readme_commands.Block("bash", 7, command)]) for command in LACKING}
    assert found == {command: [f"line 7: {lacking}"] for command, lacking in LACKING.items()}


def test_a_command_that_names_what_exists_passes() -> None:
    assert [line for command in COMPLETE for line in missing([readme_commands.Block("bash", 1, command)])] == []


def test_a_broken_link_is_found() -> None:
    markdown = '[licence](LICENSE) [web](https://host.org/a) [part](#part) ![](never.png) <img width="9" src="no.png">'
    assert broken_links(markdown) == ["never.png", "no.png"]
