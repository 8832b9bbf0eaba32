"""``python tools/paths.py labels --cfg_file CONFIG``: what scripts need to know of a configuration."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

# Run as a file, this finds the toolbox without an installation.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.errors import ConfigError, run_command
from sgan.seeds.folders import label_folder, report_folder
from sgan.settings import parse_settings

ANSWERS = {
    "training": lambda config: config.training_run.path.absolute(),
    "seeds": lambda config: config.seed_folder.absolute(),
    "labels": lambda config: label_folder(config.seed_folder).absolute(),
    "report": lambda config: report_folder(config.seed_folder).absolute(),
    "dataset": lambda config: Path(config.dataset_root).absolute(),
    "seed": lambda config: config.run.seed,
    "method": lambda config: config.method,
    "saliency": lambda config: config.report.saliency_source,
}


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] not in ANSWERS:
        raise ConfigError(f"say what to look for: {', '.join(ANSWERS)}")
    print(ANSWERS[arguments[0]](parse_settings(arguments[1:], "paths.py")))
    return 0


if __name__ == "__main__":
    run_command(main)
