"""``python l2g_cda/main.py STAGE [STAGE ...] -c CONFIG [flags]``: L2G with CDA, stage by stage.

Several stages in one call save the start of a process each; the first that fails ends the call.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.config import parse_config
from common.errors import ConfigError, run_command
from l2g_cda.config import L2GConfig
from l2g_cda.examples import write_examples
from l2g_cda.stages import compute_attention, compute_random_walk, make_labels, score_pseudo_labels
from l2g_cda.train import train_all, train_stage

STAGES = ("train", "base", "pasting", "cam", "random_walk", "label", "score", "pictures")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["bench"]:
        # The stages need not wait for what only this one imports.
        from l2g_cda.bench import main as bench

        return bench(arguments[1:])
    stages = list(itertools.takewhile(STAGES.__contains__, arguments))
    flags = arguments[len(stages) :]
    if not stages or (flags and not flags[0].startswith("-")):
        raise ConfigError(f"say which stages to run: python l2g_cda/main.py {' | '.join(STAGES)} -c CONFIG, or bench")
    config = parse_config(L2GConfig, flags, program=f"l2g_cda/main.py {' '.join(stages)}")
    for stage in stages:
        status = run_stage(stage, config)
        if status:
            return status
    return 0


def run_stage(stage: str, config: L2GConfig) -> int:
    """One stage; 1 when an image failed, else 0."""
    if stage == "train":
        train_all(config)
    elif stage == "base":
        train_stage(config, "base")
    elif stage == "pasting":
        train_stage(config, "pasting")
    elif stage == "cam":
        return compute_attention(config).exit_status("attention maps")
    elif stage == "pictures":
        for folder in write_examples(config):
            print(f"pictures: {folder}")
    elif stage == "random_walk":
        return compute_random_walk(config).exit_status("random-walk maps")
    elif stage == "label":
        return make_labels(config).exit_status("pseudo labels")
    else:
        print(score_pseudo_labels(config).line())
    return 0


if __name__ == "__main__":
    run_command(main)
