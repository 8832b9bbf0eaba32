"""Attention maps in jet colours: ``python res.py --experiment_name EXP`` (l2g_cda spec, section 6.5)."""

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from l2g_cda.method import PICTURES_OF_ATTENTION
from l2g_cda.settings import L2GSettings, run_program

main = partial(run_program, PICTURES_OF_ATTENTION.text, L2GSettings, PICTURES_OF_ATTENTION.run, "voc.yaml")

if __name__ == "__main__":
    run_command(main)
