"""``python -m sgan.segmentation train | test -c CONFIG [flags]``: DeepLab-v2 on seeds, as SGAN trains it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from common.config import SHORTCUTS, parse_config
from common.errors import ConfigError, run_command
from sgan.segmentation.config import SegmentationConfig
from sgan.segmentation.test import predict_list
from sgan.segmentation.train import train_network

STAGES = ("train", "test")
OWN_SHORTCUTS = {
    "--label-dir": "--label_dir",
    "--root": "--data.root",
    "--weights": "--network.weights",
    "--smooth": "--test.smooth",
    "--multi_scale": "--test.multi_scale",
}


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] not in STAGES:
        raise ConfigError(f"say what to do: python -m sgan.segmentation {' | '.join(STAGES)} -c CONFIG")
    stage = arguments.pop(0)
    shortcuts = {**SHORTCUTS, **OWN_SHORTCUTS}
    config = parse_config(SegmentationConfig, arguments, program=f"sgan.segmentation {stage}", shortcuts=shortcuts)
    if stage == "test":
        return predict_list(config).exit_status("segmentation")
    train_network(config)
    return 0


if __name__ == "__main__":
    run_command(main)
