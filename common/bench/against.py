"""Run a command of this checkout and of another one in turns, and compare the times that both print.

Times of two runs, minutes apart, say little of two versions: the machine has changed in between. Lines are compared that begin
with the same words and give seconds or milliseconds behind them, as those of every bench command do.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from common.bounds import add_number
from common.errors import ConfigError, DataError, run_command
from common.method.settings import TOP

# "training step, bf16: 1.25 s (...), peak 2.20 GB" and "  torch, 1 core      1.30 images/s   768.1 ms": words, then the first time.
TIMED_LINE = re.compile(r"\s*(?P<work>\S.*?)(?::\s|\s{2,}).*?(?P<time>\d+(?:\.\d+)?) (?P<unit>ms|s)\b")
PEAK = re.compile(r"peak (\d+(?:\.\d+)?) GB")
SECONDS = {"s": 1.0, "ms": 1e-3}
EPILOG = "example: python -m common.bench against ../before -- -m common.method sgan bench --max-steps 2"


class Figures(NamedTuple):
    """What a line says: seconds, and gigabytes of peak memory (0: it says nothing of them)."""

    seconds: float
    peak: float


class Run(NamedTuple):
    """What one run printed, by the words of a line, and its processor time in seconds."""

    figures: dict[str, Figures]
    processor_seconds: float


def figures_of(text: str) -> dict[str, Figures]:
    """Words -> figures of the lines that give a time; words that come again are numbered."""
    figures: dict[str, Figures] = {}
    seen: Counter[str] = Counter()
    for line in text.splitlines():
        if found := TIMED_LINE.match(line):
            work, peak = found["work"], PEAK.search(line)
            seen[work] += 1
            name = work if seen[work] == 1 else f"{work} ({seen[work]})"
            figures[name] = Figures(
                float(found["time"]) * SECONDS[found["unit"]], float(peak.group(1)) if peak else 0.0
            )
    return figures


def require_command(checkout: Path, command: Sequence[str]) -> None:
    """Raise :class:`ConfigError` where a checkout lacks the module or file: an installed version would take its place in silence."""
    name = command[1] if command[0] == "-m" and len(command) > 1 else command[0]
    place = checkout / (name.replace(".", "/") if command[0] == "-m" else name)
    if not name.startswith("-") and not any(
        path.is_file() for path in (place, place.with_suffix(".py"), place / "__main__.py")
    ):
        raise ConfigError(f"{checkout} has no {name}; give a command that both checkouts have")


def run_in(checkout: Path, command: Sequence[str]) -> Run:
    """Run ``python COMMAND`` with the modules of a checkout.

    Raises:
        DataError: it failed, or printed no time.
    """
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=checkout,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise DataError(f"in {checkout} the command ended with {process.returncode}: {' '.join(text.split())[-400:]}")
    figures = figures_of(text)
    if not figures:
        raise DataError(f"in {checkout} the command printed no line with a time; run one that does, such as a bench")
    return Run(figures, usage.ru_utime + usage.ru_stime)


def comparison_lines(own: Sequence[Run], other: Sequence[Run]) -> list[str]:
    """A line for all that both printed, in this checkout's order: medians and the ratio with its range over the pairs of runs."""
    shared = [work for work in own[0].figures if all(work in run.figures for run in (*own, *other))]
    lines = []
    for work in shared:
        here, there = ([run.figures[work] for run in runs] for runs in (own, other))
        line = ratio_line(work, [one.seconds for one in here], [one.seconds for one in there])
        lines.append(line + peak_text(max(one.peak for one in here), max(one.peak for one in there)))
    seconds = ([run.processor_seconds for run in runs] for runs in (own, other))
    lines.append(ratio_line("processor time of the whole command", *seconds))
    alone = sorted({work for run in (*own, *other) for work in run.figures} - set(shared))
    return [*lines, *(f"not in both: {work}" for work in alone)]


def peak_text(here: float, there: float) -> str:
    """Gigabytes that both say; nothing where one does not."""
    return f"; peak {here:.2f} GB, there {there:.2f} GB ({here / there:.2f} of it)" if here and there else ""


def ratio_line(work: str, own: Sequence[float], other: Sequence[float]) -> str:
    """Medians and ratios of seconds; 1.2 times as fast is a time of 1 / 1.2."""
    ratios = sorted(there / max(here, 1e-9) for here, there in zip(own, other, strict=True))
    here, there = statistics.median(own), statistics.median(other)
    return (
        f"{work}: {here:.3f} s, there {there:.3f} s, {statistics.median(ratios):.2f} times as fast "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m common.bench against",
        usage="%(prog)s CHECKOUT [--repeats N] -- COMMAND...",
        description=__doc__,
        epilog=EPILOG,
    )
    parser.add_argument("checkout", type=Path, help="folder of the other version")
    add_number(parser, "--repeats", 3, "runs of each, in turns (%(default)s)", least=1, most=1000)
    given = list(sys.argv[1:] if argv is None else argv)
    # The command's own flags are not this parser's.
    end = given.index("--") if "--" in given else len(given)
    arguments, command = parser.parse_args(given[:end]), given[end + 1 :]
    if not command:
        raise ConfigError(f"give the command behind --; {EPILOG}")
    checkout: Path = arguments.checkout.resolve()
    if not (checkout / "common").is_dir():
        raise ConfigError(f"{checkout} is no checkout of the toolbox: there is no folder common")
    for place in (TOP, checkout):
        require_command(place, command)
    own: list[Run] = []
    other: list[Run] = []
    for _ in range(arguments.repeats):
        own.append(run_in(TOP, command))
        other.append(run_in(checkout, command))
    print("\n".join(comparison_lines(own, other)))
    return 0


if __name__ == "__main__":
    run_command(main)
