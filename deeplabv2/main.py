"""``python deeplabv2/main.py train | test | crf -c CONFIG [flags]``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from common.config import parse_config
from common.errors import ConfigError, run_command
from deeplabv2.crf import crf_predictions
from deeplabv2.settings import DeepLabConfig
from deeplabv2.test import test_network
from deeplabv2.train import train_network

COMMANDS = ("train", "test", "crf")
SHORTCUTS = {
    "--config-path": "--config",
    "-m": "--model_path",
    "--model-path": "--model_path",
    "--label-dir": "--DATASET.LABEL_DIR",
    "--root": "--DATASET.ROOT",
    "--max-steps": "--SOLVER.ITER_MAX",
    "--seed": "--RUN.SEED",
    "--device": "--RUN.DEVICE",
    "--workers": "--DATALOADER.NUM_WORKERS",
    "-j": "--DATALOADER.NUM_WORKERS",
    "--n-jobs": "--DATALOADER.NUM_WORKERS",
}


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] not in COMMANDS:
        raise ConfigError(f"say what to do: python deeplabv2/main.py {' | '.join(COMMANDS)} -c CONFIG")
    command = arguments.pop(0)
    config = parse_config(DeepLabConfig, arguments, program=f"main.py {command}", shortcuts=SHORTCUTS)
    if command == "train":
        train_network(config)
        return 0
    report = test_network(config) if command == "test" else crf_predictions(config)
    return report.exit_status(command)


if __name__ == "__main__":
    run_command(main)
