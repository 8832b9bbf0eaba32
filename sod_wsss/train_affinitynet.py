"""``python train_affinitynet.py [CONFIG] --label_name T [flags]``: train AffinityNet on the confident labels."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from sod_wsss.base_programs import AFFINITY_FLAGS, base_program
from sod_wsss.method import METHOD

main = base_program(METHOD, "affinity", AFFINITY_FLAGS, optimizer="affinity.optimizer")

if __name__ == "__main__":
    run_command(main)
