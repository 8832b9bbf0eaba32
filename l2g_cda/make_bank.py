"""Make the bank of objects that CDA pastes: ``python make_bank.py --labels FOLDER --output sem_seg_fg``."""

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.commands import Flag
from common.errors import run_command
from l2g_cda.bank_stages import BANK
from l2g_cda.settings import L2GSettings, run_program

flags = (
    Flag(("--labels",), "--bank.label_maps", "FOLDER", "label maps <id>.png to cut objects from, e.g. pseudo labels"),
    Flag(("--output",), "--cda.bank", "FOLDER", "folder of the bank (default sem_seg_fg of this folder)"),
)
main = partial(run_program, BANK.text, L2GSettings, BANK.run, "voc.yaml", flags)

if __name__ == "__main__":
    run_command(main)
