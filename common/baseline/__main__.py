"""``python -m common.baseline train | cam | label | score -c CONFIG [flags]``: the baseline, stage by stage."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from common.baseline.cams import compute_cams
from common.baseline.classifier import train_classifier
from common.baseline.config import BaselineConfig
from common.baseline.labels import make_labels
from common.baseline.score import score_pseudo_labels
from common.config import parse_config
from common.errors import ConfigError, run_command

STAGES = ("train", "cam", "label", "score")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] not in STAGES:
        raise ConfigError(f"say which stage to run: python -m common.baseline {' | '.join(STAGES)} -c CONFIG")
    stage = arguments.pop(0)
    config = parse_config(BaselineConfig, arguments, program=f"common.baseline {stage}")
    if stage == "train":
        train_classifier(config)
    elif stage == "cam":
        return compute_cams(config).exit_status("cam")
    elif stage == "label":
        return make_labels(config).exit_status("label")
    else:
        print(score_pseudo_labels(config).line())
    return 0


if __name__ == "__main__":
    run_command(main)
