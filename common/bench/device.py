"""Everything that a machine without a GPU cannot show, in one run of so many minutes, and one table of it.

Each check is a command of its own with a share of the time; one that fails, or does not come to its end, leaves the others their turn, and
the table is written after each of them. Nothing is downloaded. Without a GPU the same commands run in small sizes on the CPU, and the table
says so.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from common.bounds import add_number
from common.errors import ConfigError, run_command
from common.files import write_json, write_text
from common.method.registry import config_for, find_method, method_names
from common.method.segmentation import SEGMENTER
from common.method.settings import TOP
from common.provenance import current_commit
from common.report.notes import short_commit

NAMES = ("device.json", "device.md")
# Seconds under which no check is begun any more.
LEAST_SECONDS = 15
KEPT_LINES = 60


@dataclass(frozen=True)
class Check:
    """A command, ``python`` in front left out, and the seconds that it may take."""

    name: str
    command: Sequence[str]
    seconds: float


@dataclass
class Outcome:
    """What became of a check."""

    name: str
    command: str
    state: str
    seconds: float = 0.0
    lines: list[str] = field(default_factory=list)


def checks_for(device: str, gpu: bool) -> list[Check]:
    """What is run, the most wanted first; in sizes for a GPU, or for a few minutes on a CPU."""
    crf = ["-m", "common.crf.bench", "--preset", "deeplab", "--labels", "21"]
    deeplab = ["-m", SEGMENTER, "bench", "--device", device]
    cams = ["-m", "common.bench", "cam", "--device", device]
    return [
        Check("dense CRF at 500x375", [*crf, *(["--count", "8"] if gpu else ["--count", "1", "--repeats", "1"])], 90),
        Check("dense CRF at 41x41, ten images", [*crf, "--size", "41", "41", "--count", "10"], 60),
        Check(
            "DeepLab-v2, training step and test image",
            [
                *deeplab,
                *(
                    ["--crop", "321", "--batch", "10", "--steps", "5"]
                    if gpu
                    else ["--crop", "65", "--steps", "1", "--only", "bf16", "--no-test"]
                ),
            ],
            180,
        ),
        Check(
            "CAMs, four scales and their mirror images",
            [*cams, *(["--images", "48"] if gpu else ["--images", "1", "--scales", "0.25", "--repeats", "1"])],
            60,
        ),
        *(Check(f"training step of {name}", step_of(name, device, gpu), 60) for name in timed_methods()),
        Check("a training that is stopped and continued", ["-m", "common.bench", "resume", "--device", device], 120),
        Check(
            "tests that need a GPU",
            ["-m", "pytest", "-q", "-m", "cuda", "-p", "no:cacheprovider", *files_with_gpu_tests()],
            90,
        ),
    ]


def files_with_gpu_tests() -> list[str]:
    """Those with tests that need a GPU; to collect all of them takes a minute."""
    files = sorted((TOP / "tests").rglob("test_*.py"))
    return [str(file.relative_to(TOP)) for file in files if "pytest.mark.cuda" in file.read_text(encoding="utf-8")]


def timed_methods() -> list[str]:
    """The methods whose step is timed on a made-up batch."""
    benches = {name: find_method(name).bench for name in method_names()}
    return [name for name, bench in benches.items() if bench and bench.batch]


def step_of(name: str, device: str, gpu: bool) -> list[str]:
    """The bench of a method: the paper's step, or that of the toy set."""
    config = config_for(find_method(name), "voc" if gpu else "toy")
    return [
        "-m",
        "common.method",
        name,
        "bench",
        "-c",
        str(config),
        "--device",
        device,
        "--max-steps",
        "3" if gpu else "1",
    ]


def run_check(check: Check, seconds: float, log: Path) -> Outcome:
    """Run it for at most so long; its output goes to ``log`` too."""
    shown = f"python {' '.join(check.command)}".replace(f"{TOP}{os.sep}", "")
    started = time.perf_counter()
    try:
        with log.open("w", encoding="utf-8") as file:
            done = subprocess.run(
                [sys.executable, *check.command], cwd=TOP, stdout=file, stderr=subprocess.STDOUT, timeout=seconds
            )
        state = "ok" if done.returncode == 0 else f"failed with status {done.returncode}"
    except subprocess.TimeoutExpired:
        state = f"stopped after {seconds:.0f} s"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-KEPT_LINES:]
    return Outcome(check.name, shown, state, round(time.perf_counter() - started, 1), lines)


def as_markdown(machine: str, outcomes: Sequence[Outcome]) -> str:
    rows = [f"| {one.name} | {one.state} | {one.seconds:.0f} |" for one in outcomes]
    table = ["| check | state | seconds |", "|---|---|---:|", *rows]
    parts = [
        "\n".join([f"**{one.name}**: `{one.command}`", "", "```text", *one.lines, "```"])
        for one in outcomes
        if one.lines
    ]
    return "\n\n".join([f"**Device checks** ({machine})", "\n".join(table), *parts]) + "\n"


def describe_machine(gpu: bool) -> str:
    """Date, commit, versions, and the device."""
    place = torch.cuda.get_device_name() if gpu else "NO GPU FOUND: small sizes on the CPU, which say nothing of a GPU"
    commit, today = short_commit(current_commit()), datetime.date.today().isoformat()
    return f"{today}, commit {commit}, torch {torch.__version__}, {os.cpu_count()} CPU cores ({platform.machine()}), {place}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m common.bench device",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_number(parser, "--minutes", 8, "time for all of it (%(default)s)", above=0, most=10000)
    parser.add_argument("--out", type=Path, default=Path("runs/bench_device"), help="folder of table and logs")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="WORD", help="checks with one of these words in their name"
    )
    arguments = parser.parse_args(argv)
    gpu = torch.cuda.is_available()
    planned = checks_for("cuda" if gpu else "cpu", gpu)
    if arguments.only:
        planned = [one for one in planned if any(word in one.name for word in arguments.only)]
    if not planned:
        raise ConfigError(f"--only {' '.join(arguments.only)}: no check has such a word in its name")
    machine, deadline = describe_machine(gpu), time.monotonic() + 60 * arguments.minutes
    print(machine, flush=True)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    outcomes: list[Outcome] = []
    for number, check in enumerate(planned):
        left = deadline - time.monotonic()
        if left < LEAST_SECONDS:
            outcomes.append(Outcome(check.name, "", "left out, no time left"))
        else:
            outcomes.append(run_check(check, min(check.seconds, left), out / f"{number}.log"))
        print(f"{check.name}: {outcomes[-1].state}, {outcomes[-1].seconds:.0f} s", flush=True)
        write_json(out / NAMES[0], {"machine": machine, "gpu": gpu, "checks": [asdict(one) for one in outcomes]})
        write_text(out / NAMES[1], as_markdown(machine, outcomes))
    print(f"table: {out / NAMES[1]}, {out / NAMES[0]}")
    return 0 if all(one.state == "ok" for one in outcomes) else 1


if __name__ == "__main__":
    run_command(main)
