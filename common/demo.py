"""``python -m common.demo``: makes the toy set and runs tags -> CAM -> pseudo labels -> DeepLab-v2 -> CRF -> report."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import common.method
from common.bounds import MOST_PROCESSES, add_number
from common.config import parse_config
from common.data.toy import ToyConfig, make_toy
from common.errors import run_command
from common.method.plain_cam import METHOD
from common.method.report import REPORT, report_of, write_chain_report
from common.method.reproduce import reproduce

CONFIG = Path(common.method.__file__).parent / "configs" / "toy.yaml"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="common.demo", description=__doc__)
    parser.add_argument("--out", default="runs/demo", help="folder of everything the demo writes")
    add_number(parser, "--seeds", 1, "repeat all trainings with this many seeds", least=1, most=1000)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    add_number(parser, "--workers", 2, "processes that load images", least=0, most=MOST_PROCESSES)
    arguments = parser.parse_args(argv)
    started = time.perf_counter()
    out = Path(arguments.out)
    make_toy(out / "data", ToyConfig())
    folders = [out / f"seed{seed}" for seed in range(arguments.seeds)]
    for seed, folder in enumerate(folders):
        flags = ["-c", str(CONFIG), "--root", str(out / "data"), "--out", str(folder), "--seed", str(seed)]
        flags += ["--device", arguments.device, "--workers", str(arguments.workers)]
        settings = parse_config(METHOD.settings, flags, program="common.demo")
        reproduce(METHOD, settings, until="segmentation")
    write_chain_report(*report_of(settings), folders, (out if len(folders) > 1 else folders[0]) / REPORT)
    print(f"finished in {(time.perf_counter() - started) / 60:.1f} minutes")


if __name__ == "__main__":
    run_command(main)
