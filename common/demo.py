"""``python -m common.demo``: makes the toy set and runs tags -> CAM -> pseudo labels -> DeepLab-v2 -> CRF -> report."""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

from common.chain.__main__ import run_chain
from common.chain.config import ChainConfig, find_config
from common.chain.summary import summarise
from common.config import parse_config
from common.data.toy import ToyConfig, make_toy
from common.errors import run_command


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="common.demo", description=__doc__)
    parser.add_argument("--out", default="runs/demo", help="folder of everything the demo writes")
    parser.add_argument("--seeds", type=int, default=1, help="repeat all trainings with this many seeds")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--workers", type=int, default=2, help="processes that load images")
    arguments = parser.parse_args(argv)
    started = time.perf_counter()
    out = Path(arguments.out)
    make_toy(out / "data", ToyConfig())
    base = parse_config(
        ChainConfig, ["-c", str(find_config("common.chain", "toy.yaml"))], program="common.demo", shortcuts={}
    )
    chains = [
        dataclasses.replace(
            base,
            root=str(out / "data"),
            out=str(out / f"seed{seed}"),
            seed=seed,
            device=arguments.device,
            workers=arguments.workers,
        )
        for seed in range(arguments.seeds)
    ]
    for chain in chains:
        run_chain(chain)
    summarise(chains[0], [Path(chain.out) for chain in chains])
    print(f"finished in {(time.perf_counter() - started) / 60:.1f} minutes")


if __name__ == "__main__":
    run_command(main)
