"""Attention maps as pictures: ``python res.py --experiment_name EXP`` (l2g_cda spec, section 6.5)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import run_command
from l2g_cda.dataset_arguments import (
    add_dataset_arguments,
    add_run_arguments,
    maps_folder,
    open_dataset,
    run_folder,
)
from l2g_cda.labels.pictures import draw_attention


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="l2g_cda/res.py", description="Draw attention maps in jet colours.")
    add_dataset_arguments(parser, "vocaug")
    add_run_arguments(parser, "ms/attention")
    parser.add_argument("--save_path", default="", help="default RUNS/<experiment_name>/ms/accu_att_zoom")
    parser.add_argument("--over_image", action="store_true", help="blend the colours into the image")
    parser.add_argument("--num_workers", type=int, default=2, help="processes")
    parser.add_argument("--force", action="store_true", help="redo what is there")
    arguments = parser.parse_args(argv)
    report = draw_attention(
        open_dataset(arguments),
        maps_folder(arguments),
        Path(arguments.save_path or run_folder(arguments) / "ms" / "accu_att_zoom"),
        over_image=arguments.over_image,
        force=arguments.force,
        workers=arguments.num_workers,
    )
    return report.exit_status("res")


if __name__ == "__main__":
    run_command(main)
