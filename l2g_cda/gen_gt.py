"""Pseudo labels from attention maps: ``python gen_gt.py --experiment_name EXP``."""

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.commands import Flag
from common.errors import run_command
from l2g_cda.method import PSEUDO_LABELS
from l2g_cda.settings import L2GSettings, run_program

flags = (
    Flag(("--thr",), "--labels.threshold", "T", "background score (thesis 0.35, L2G 0.25)"),
    Flag(("--save_path",), "--labels.folder", "FOLDER", "where the label maps go"),
)
main = partial(run_program, PSEUDO_LABELS.text, L2GSettings, PSEUDO_LABELS.run, "voc.yaml", flags)

if __name__ == "__main__":
    run_command(main)
