"""The command behind ``scripts/evaluate_mthr_voc.py`` and ``scripts/evaluate_mthr_coco.py``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from common.data.presets import DatasetName
from common.files import write_text
from l2g_cda.dataset_arguments import (
    add_dataset_arguments,
    add_run_arguments,
    maps_folder,
    open_dataset,
    run_folder,
)
from l2g_cda.labels.sweep import attention_samples, sweep_record, threshold_matrices


def sweep_command(argv: Sequence[str] | None, program: str, dataset: DatasetName, thresholds: Sequence[float]) -> None:
    """Score the labels that the attention maps give at every threshold; one JSON object per line in the result file.

    The published script appends to that file each time; here it holds the last sweep.
    """
    parser = argparse.ArgumentParser(prog=program, description="Score attention maps at several thresholds.")
    add_dataset_arguments(parser, dataset)
    add_run_arguments(parser, "ms/attention")
    parser.add_argument("--save_path", default="", help="default RUNS/<experiment_name>/ms/result.txt")
    parser.add_argument("--thr", type=float, nargs="+", default=list(thresholds), help="thresholds, ascending")
    parser.add_argument("--num_workers", type=int, help="threads (default two per core)")
    arguments = parser.parse_args(argv)
    layout = open_dataset(arguments)
    ids, names = layout.ids("train"), ["background", *layout.classes]
    load = attention_samples(layout, ids, maps_folder(arguments))
    matrices = threshold_matrices(load, ids, arguments.thr, len(names), arguments.num_workers)
    records = [sweep_record(*pair, names) for pair in zip(matrices, arguments.thr, strict=True)]
    path = Path(arguments.save_path or run_folder(arguments) / "ms" / "result.txt")
    write_text(path, "".join(json.dumps(record) + "\n" for record in records))
    for record in records:
        scores = ", ".join(f"{name} {100 * record[name]:.2f}" for name in ("Mean IoU", "Mean_Precision", "Mean_Recall"))
        print(f"threshold {record['Threshold']:.2f}: {scores}")
    best = max(records, key=lambda record: record["Mean IoU"])
    print(f"best of {len(records)} against the masks of {len(ids)} images: {best['Threshold']:g} ({path})")
