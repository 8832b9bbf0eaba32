"""Scores of a folder of predictions: the published JSON, and the result record with its provenance."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common.data.layout import DatasetLayout
from common.errors import DataError
from common.files import write_text
from common.metrics.folder import evaluate_folder
from common.metrics.scores import Scores, compute_scores, published_json
from common.models.backbones import describe_weights
from common.report.record import Evaluated, floor_result, make_result
from common.report.results import NONE, add_results
from deeplabv2.inference.refine import ImageCrf
from deeplabv2.settings import DeepLabConfig

# checkpoint_5000.pth of a training, deeplabv2_resnet101_msc-vocaug-20000.pth of a release.
STEPS_IN_NAME = re.compile(r"(?:checkpoint_|-)(\d+)\.pth")


def score_folder(
    config: DeepLabConfig, layout: DatasetLayout, folder: Path, checkpoint: Path | None, crf: ImageCrf | None = None
) -> None:
    """Evaluate ``folder/<id>.png`` on the VAL split; a split without masks is said so and not scored.

    Args:
        checkpoint: of the network that made the predictions, None if nobody knows.
        crf: the CRF that they went through.

    Raises:
        DataError: some images have masks and some have not, or a file does not fit.
    """
    ids = layout.ids("val")
    if not any_masks(layout, ids):
        print(f"no masks in {layout.masks} for {config.DATASET.SPLIT.VAL}: predictions written, nothing scored")
        return
    evaluation = evaluate_folder(
        layout.mask_path,
        lambda image_id: folder / f"{image_id}.png",
        ids,
        config.DATASET.N_CLASSES,
        ignore_label=config.DATASET.IGNORE_LABEL,
    )
    scores_file = config.scores / ("scores_crf.json" if crf else "scores.json")
    write_text(scores_file, published_text(compute_scores(evaluation.matrix)))
    evaluated = Evaluated("val", evaluation.n_images, config.scores, config.RUN.SEED, config.DATASET.SCORE_CLASSES)
    stage = "DeepLab-v2 + CRF" if crf else "DeepLab-v2"
    crf_text = crf.describe() if crf else NONE
    result = make_result(
        evaluation.matrix,
        layout,
        evaluated,
        method=method_name(config),
        stage=stage,
        steps={config.MODEL.NAME: trained_steps(config, checkpoint)},
        crf=crf_text,
        initial_weights=config.MODEL.INIT_MODEL or describe_weights(config.MODEL.BODY),
        saliency_source=config.EXP.SALIENCY_SOURCE,
    )
    floor = floor_result(evaluation.matrix, layout, evaluated, stage=stage, crf=crf_text)
    records = [replace(record, split=split_name(config)) for record in (floor, result)]
    add_results(config.scores / "results.json", records)
    print(f"Score dst: {scores_file}")
    print(result.line())


def any_masks(layout: DatasetLayout, ids: Sequence[str]) -> bool:
    """Whether the list has masks.

    Raises:
        DataError: some of its images have one and others have not.
    """
    without = [image_id for image_id in ids if not has_mask(layout, image_id)]
    if without and len(without) < len(ids):
        raise DataError(
            f"{len(without)} of {len(ids)} images have no mask, e.g. {without[0]}: add them or take the images out of "
            "the list; the predictions are written"
        )
    return not without


def has_mask(layout: DatasetLayout, image_id: str) -> bool:
    try:
        layout.mask_path(image_id)
    except DataError:
        return False
    return True


def published_text(scores: Scores) -> str:
    """``scores.json`` as deeplab-pytorch writes it: fractions, sorted keys with classes in the order of their numbers,
    indent 4, NaN for classes that are in no mask."""
    content = published_json(scores)
    content["Class IoU"] = {int(label): iou for label, iou in content["Class IoU"].items()}
    return json.dumps(content, indent=4, sort_keys=True)


def split_name(config: DeepLabConfig) -> str:
    """The split of the results table: ``val`` for lists like ``val`` and ``val_cls``, else the name of the list."""
    name = config.scores.name
    return "val" if name.startswith("val") else name


def method_name(config: DeepLabConfig) -> str:
    """The row of the results table: what the configuration says, else where the training masks came from."""
    if config.EXP.METHOD:
        return config.EXP.METHOD
    return f"labels of {Path(config.DATASET.LABEL_DIR).name}" if config.DATASET.LABEL_DIR else "fully supervised"


def trained_steps(config: DeepLabConfig, checkpoint: Path | None) -> int:
    """Steps behind a checkpoint: those in its name, else those of the configuration."""
    named = STEPS_IN_NAME.search(checkpoint.name) if checkpoint else None
    return int(named[1]) if named else config.SOLVER.ITER_MAX
