"""The commands of the README, so that CI runs exactly what the README tells a reader to type.

Every fenced block marked ``bash`` is run: in order, one shell per block, from the repository's root, stopping at the
first command that fails. A block sees the variables that earlier blocks set with ``NAME=value`` or
``export NAME=value``. What cannot run in CI (needs data or days) stands in a ``text`` block; other names for a shell
are refused, because a reader could not tell whether such a block is tested.

    python .ci/readme_commands.py list
    python .ci/readme_commands.py run --block 1
    python .ci/readme_commands.py run --except 1 2
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^\s{0,3}(?P<fence>`{3,}|~{3,})\s*(?P<language>[\w+-]*)")
ASSIGNMENT = re.compile(r"^(?:export\s+)?[A-Za-z_]\w*=(?:\"[^\"]*\"|'[^']*'|[^\s\"';&|]*)$")
UNTESTED_SHELLS = {"sh", "shell", "zsh", "console", "shell-session"}


class ReadmeError(Exception):
    """The README, or the choice of its blocks, cannot be used; the message says what to change."""


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the line of its opening fence (from 1) and its text."""

    language: str
    line: int
    text: str


def fenced_blocks(markdown: str) -> list[Block]:
    """All fenced blocks of a Markdown text, of any language.

    Raises:
        ReadmeError: a fence is not closed.
    """
    blocks = []
    lines = enumerate(markdown.splitlines(), start=1)
    for number, line in lines:
        opening = FENCE.match(line)
        if opening is None:
            continue
        body = []
        for _, inner in lines:
            closing = inner.strip()
            if closing.startswith(opening["fence"]) and not closing.strip(opening["fence"][0]):
                break
            body.append(inner)
        else:
            raise ReadmeError(f"the fence opened in line {number} is never closed; close it")
        blocks.append(Block(opening["language"].lower(), number, "\n".join(body)))
    return blocks


def bash_blocks(markdown: str) -> list[Block]:
    """The blocks CI runs, in order.

    Raises:
        ReadmeError: a block is marked as a shell other than ``bash``, or there is nothing to run.
    """
    blocks = fenced_blocks(markdown)
    for block in blocks:
        if block.language in UNTESTED_SHELLS:
            raise ReadmeError(
                f"the block in line {block.line} is marked {block.language!r}; mark it `bash` if CI can run it, else `text`"
            )
    chosen = [block for block in blocks if block.language == "bash"]
    if not chosen:
        raise ReadmeError("no fenced bash block; the README has to show commands that work")
    return chosen


def commands(block: Block) -> list[str]:
    """The block's commands, one string each: continued lines joined, comments and empty lines left out."""
    joined = re.sub(r"\\\n\s*", "", block.text)
    stripped = (line.strip() for line in joined.splitlines())
    return [line for line in stripped if line and not line.startswith("#")]


def assignments(blocks: Sequence[Block]) -> list[str]:
    """The plain variable assignments among the commands of ``blocks``, which later blocks may rely on."""
    return [command for block in blocks for command in commands(block) if ASSIGNMENT.match(command)]


def select(count: int, only: Sequence[int], leave_out: Sequence[int]) -> list[int]:
    """The chosen block numbers (from 1): ``only`` these, or all without ``leave_out``.

    Raises:
        ReadmeError: a number names no block.
    """
    for number in (*only, *leave_out):
        if not 1 <= number <= count:
            raise ReadmeError(f"there is no block {number}; the README has blocks 1 to {count}")
    return [number for number in range(1, count + 1) if number not in leave_out and (not only or number in only)]


def run_block(blocks: Sequence[Block], number: int, folder: Path) -> int:
    """Run block ``number`` (from 1) in its own shell in ``folder``, without stdin; return its exit status."""
    block = blocks[number - 1]
    print(f"--- README block {number} (line {block.line}):\n{block.text}\n---", flush=True)
    script = "\n".join([*assignments(blocks[: number - 1]), "set -x", block.text])
    begin = time.monotonic()
    status = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, stdin=subprocess.DEVNULL, check=False
    ).returncode
    print(f"--- README block {number}: exit status {status}, {time.monotonic() - begin:.0f} s", flush=True)
    return status


def main(argv: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """List or run the README's bash blocks; the status is that of the first block that fails."""
    parser = argparse.ArgumentParser(description="The commands of the README.")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="print every block with its number")
    run = actions.add_parser("run", help="run the blocks, in order")
    choice = run.add_mutually_exclusive_group()
    choice.add_argument("--block", type=int, nargs="+", default=[], metavar="N", help="only these")
    choice.add_argument(
        "--except", type=int, nargs="+", default=[], metavar="N", dest="leave_out", help="all but these"
    )
    arguments = parser.parse_args(argv)
    try:
        blocks = bash_blocks((root / "README.md").read_text(encoding="utf-8"))
        if arguments.action == "list":
            for number, block in enumerate(blocks, start=1):
                print(f"{number} (line {block.line})", *commands(block), sep="\n    ")
            return 0
        for number in select(len(blocks), arguments.block, arguments.leave_out):
            status = run_block(blocks, number, root)
            if status != 0:
                return status
    except (OSError, ReadmeError) as error:
        print(f"error: README.md: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
