"""Stop a training of DeepLab-v2 on the toy set half-way, continue it, and hold its weights against those of one that was not stopped."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from common.bounds import add_number
from common.data.toy import ToyConfig, make_toy
from common.errors import ToolboxError, run_command
from common.method.segmentation import SEGMENTER
from common.method.settings import TOP
from common.models.weights import read_state_dict


def largest_difference(first: Path, second: Path) -> float:
    """Between the weights of two files of one network."""
    one, other = read_state_dict(first), read_state_dict(second)
    if one.keys() != other.keys():
        raise ToolboxError(f"{first} and {second} hold other tensors")
    return max(float((one[name].double() - other[name].double()).abs().max()) for name in one)


def train(folder: Path, device: str, steps: int, *more: str) -> Path:
    """Train, or go on; the file of the weights at the end."""
    config = TOP / "deeplabv2" / "configs" / "toy.yaml"
    flags = ["--root", str(folder.parent / "data"), "--out", str(folder), "--device", device, "--workers", "0"]
    command = [sys.executable, "-m", SEGMENTER, "train", "-c", str(config), *flags, "--max-steps", str(steps), *more]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True)
    if done.returncode:
        raise ToolboxError(f"the training ended with status {done.returncode}: {done.stderr.strip()[-500:]}")
    return next(iter(folder.rglob("checkpoint_final.pth")), folder)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m common.bench resume", description=__doc__)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    add_number(parser, "--steps", 6, "length of the training (%(default)s)", least=2, most=10**6)
    arguments = parser.parse_args(argv)
    half = arguments.steps // 2
    with tempfile.TemporaryDirectory() as folder:
        make_toy(Path(folder, "data"), ToyConfig(n_train=32, n_val=2))
        whole = train(Path(folder, "whole"), arguments.device, arguments.steps)
        train(Path(folder, "parts"), arguments.device, arguments.steps, "--engine.stop_at", str(half))
        parts = train(Path(folder, "parts"), arguments.device, arguments.steps)
        difference = largest_difference(whole, parts)
    gpu = torch.cuda.is_available() and arguments.device != "cpu"
    place = torch.cuda.get_device_name() if gpu else "the CPU"
    result = "the same bits" if difference == 0 else f"weights within {difference:.1e}"
    print(f"stopped after {half} of {arguments.steps} steps and continued on {place}: {result}")


if __name__ == "__main__":
    run_command(main)
