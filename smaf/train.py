"""``python train.py [CONFIG] [flags]``: self-training on fused maps, as many rounds as the settings say (SMAF: one)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from common.method.command import entry
from smaf.method import METHOD, ROUNDS

first, last = METHOD.stages.index(ROUNDS[0]), METHOD.stages.index(ROUNDS[-1])
stages = [stage.name for stage in METHOD.stages[first : last + 1]]
main = entry(METHOD, *stages, aliases={"weights": "initial_model", "network": None})

if __name__ == "__main__":
    run_command(main)
