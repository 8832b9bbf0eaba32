"""Stage 3: score a folder of seeds, label maps or segmentations."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.data.layout import DatasetLayout, open_layout
from common.engine.inference import STAGE_FILE
from common.errors import ConfigError, DataError
from common.files import read_json, write_text
from common.metrics.confusion import Matrix
from common.metrics.folder import evaluate_folder
from common.metrics.selection import BACKGROUND
from common.report.record import Evaluated, floor_result, make_result
from common.report.results import NONE, add_results
from sgan.data.masked_ids import masked_ids
from sgan.evaluation.scores import scores_table, seed_scores
from sgan.seeds.folders import report_folder
from sgan.settings import SganConfig, parse_settings
from sgan.settings_sections import Semi

# Segmentations are scored against the official masks; seeds, of more images, against the augmented ones (the dataset's own).
PUBLISHED_MASKS = "SegmentationClass"


def parse(argv: Sequence[str] | None) -> tuple[SganConfig, Path, int]:
    """Settings, folder to score, and number of classes.

    With ``--cfg_file`` alone the folder is that of its seeds (the published script took the folder above it).
    """
    parser = argparse.ArgumentParser(
        prog="eval_mIoU.py", description="Score a folder of label maps.", allow_abbrev=False
    )
    parser.add_argument("--res_path", help="folder with one PNG per image; default: the seeds of --cfg_file")
    parser.add_argument(
        "--num_classes",
        type=int,
        help="labels with background: 21 for segmentations of VOC (default), 22 for seeds (default with --cfg_file), whose 21 is 'unlabelled'",
    )
    parser.epilog = "All other arguments are settings: --cfg_file FILE, --dataset_root FOLDER, ..."
    arguments, others = parser.parse_known_args(argv)
    config = parse_settings(others, "eval_mIoU.py")
    configured = any(argument.startswith(("--cfg_file", "-c", "--config")) for argument in others)
    if not arguments.res_path and not configured:
        raise ConfigError("say what to score: --res_path FOLDER, or --cfg_file CONFIG for its seeds")
    folder = Path(arguments.res_path) if arguments.res_path else config.seed_folder
    n_labels = open_layout(config.data).n_classes + 1
    default = n_labels + 1 if configured else n_labels
    return config, folder, arguments.num_classes or default


def evaluate(config: SganConfig, folder: Path, num_classes: int) -> Matrix:
    """Print the scores of ``folder``; adds a record to ``<folder>_report/results.json`` where its files say how they were made.

    Args:
        num_classes: labels of the dataset with background, plus one where the files may hold "unlabelled".

    Raises:
        ConfigError: another number of classes.
        DataError: the folder is empty, a file does not fit, or unlabelled pixels are scored as if there were none.
    """
    layout = open_layout(config.data)
    n_labels = layout.n_classes + 1
    if num_classes == n_labels and (layout.root / PUBLISHED_MASKS).is_dir():
        layout = dataclasses.replace(layout, masks=layout.root / PUBLISHED_MASKS)
    if num_classes not in (n_labels, n_labels + 1):
        raise ConfigError(
            f"--num_classes is {num_classes}; {config.dataset_name} has {n_labels} labels, and {n_labels + 1} with 'unlabelled'"
        )
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; correct --res_path")
    made_with = read_json(folder / STAGE_FILE) if (folder / STAGE_FILE).exists() else {}
    ids = scored_ids(folder, layout, made_with)
    evaluation = evaluate_folder(layout.mask_path, lambda image_id: folder / f"{image_id}.png", ids, n_labels)
    unlabelled = int(evaluation.matrix[:, -1].sum())
    if num_classes == n_labels and unlabelled:
        raise DataError(
            f"{unlabelled} pixels of {folder} hold none of the {n_labels} labels; for seeds give --num_classes {n_labels + 1}"
        )
    scores = seed_scores(evaluation.matrix)
    print(f"{folder}: {evaluation.n_images} images, {100 * unlabelled / evaluation.matrix.sum():.1f} % unlabelled")
    print(scores_table(scores, [BACKGROUND, *layout.classes]))
    if num_classes == n_labels:
        values = [scores.mean_iou, *scores.iou]
        write_text(folder / "mIoU.txt", " & ".join(f"{100 * value:.1f}" for value in values) + "\n")
    if made_with:
        record(config, layout, folder, evaluation.matrix, evaluation.n_images, made_with)
    return evaluation.matrix


def scored_ids(folder: Path, layout: DatasetLayout, made_with: dict[str, Any]) -> list[str]:
    """The images of a folder, without those whose true masks went into its making."""
    found = sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.png"))
    seeds = made_with.get("seeds", made_with)
    known = set(made_with.get("masked", []))
    if seeds.get("semi"):
        known |= masked_ids(Semi(**seeds["semi"]), layout)
    ids = [image_id for image_id in found if image_id not in known]
    if not ids:
        raise DataError(f"{folder} holds no PNG files to score; make seeds first, or correct --res_path")
    if len(ids) < len(found):
        print(f"{len(found) - len(ids)} images whose true masks were used are left out")
    return ids


def record(
    config: SganConfig, layout: DatasetLayout, folder: Path, matrix: Matrix, n_images: int, made_with: dict[str, Any]
) -> None:
    """The result and its floor, with the origin that the folder's stage file knows."""
    seeds = made_with.get("seeds", made_with)
    if "origin" not in seeds:
        return
    origin, dense = seeds["origin"], seeds["rule"]["fill"] != "none" or seeds["rule"]["rule"] != "sec"
    saliency_source = config.report.saliency_source or origin["saliency_source"]
    if not saliency_source:
        print("no record in results.json: set report.saliency_source, which network and data made the saliency maps")
        return
    report = report_folder(folder)
    semi = Semi(**seeds.get("semi", {}))
    part = "without true masks" if semi.suffix else ""
    evaluated = Evaluated("train", n_images, report, origin["seed"], config.report.score_classes, part)
    stage = "pseudo label" if dense else "seed"
    result = make_result(
        matrix,
        layout,
        evaluated,
        method=config.report.method + semi.description,
        stage=stage,
        steps={"SGAN": origin["steps"]},
        threshold=seeds["cam_thresh"],
        threshold_choice="fixed",
        initial_weights=origin["initial_weights"],
        saliency_source=saliency_source,
        tags_given=True,
        crf=NONE,
    )
    add_results(report / "results.json", [floor_result(matrix, layout, evaluated, stage=stage), result])
