"""``python smaf/validate.py [CONFIG] [flags]``: score the last network as its training does (smaf spec, section 7)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.commands import run_alone
from common.errors import run_command
from smaf.validation import VALIDATE

if __name__ == "__main__":
    run_command(lambda: run_alone("smaf/validate.py", VALIDATE))
