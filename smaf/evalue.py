"""``python smaf/evalue.py --dataset voc12 --datalist LIST --gt_dir MASKS --pred_dir PNGS --save_path FILE``: the table of scores."""

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.commands import run_alone
from common.errors import run_command
from smaf.evaluation import SCORE_PNGS

main = partial(run_alone, "smaf/evalue.py", SCORE_PNGS)

if __name__ == "__main__":
    run_command(main)
