"""Stage 4: score the pseudo labels against the masks of the list, with full provenance."""

from __future__ import annotations

from common.baseline.config import BaselineConfig
from common.crf.presets import PRESETS
from common.data.layout import open_layout
from common.engine.inference import STAGE_FILE
from common.errors import DataError
from common.files import read_json
from common.metrics.folder import evaluate_folder
from common.models.backbones import describe_weights
from common.report.record import Evaluated, describe_crf, floor_result, make_result
from common.report.results import NONE, Result, add_results


def score_pseudo_labels(config: BaselineConfig) -> Result:
    """Evaluate one kind of pseudo labels; adds its record, and that of the floor, to the run's ``results.json``."""
    layout = open_layout(config.data)
    stage_file = config.label_folder / STAGE_FILE
    if not stage_file.exists():
        raise DataError(f"no pseudo labels in {config.label_folder}; run the label stage first")
    used = read_json(stage_file)["labels"]
    ids = layout.ids(config.split)
    evaluation = evaluate_folder(
        layout.mask_path, lambda image_id: config.label_folder / f"{image_id}.png", ids, layout.n_classes + 1
    )
    evaluated = Evaluated(config.split, evaluation.n_images, config.run, config.engine.seed, config.score_classes)
    constant = config.labels.background == "constant"
    chosen = (
        f"best on {layout.lists[config.split].name} against its masks" if config.labels.choose_threshold else "fixed"
    )
    threshold = {"constant": used["threshold"], "power": used["alpha"], "saliency": used["saliency_threshold"]}
    result = make_result(
        evaluation.matrix,
        layout,
        evaluated,
        method=config.labels.method,
        stage="pseudo label" if config.labels.crf == NONE else "pseudo label + CRF",
        steps={"classifier": config.engine.end_step},
        threshold=threshold[config.labels.background],
        threshold_choice=chosen if constant else "fixed",
        crf=NONE if config.labels.crf == NONE else describe_crf(config.labels.crf, PRESETS[config.labels.crf]),
        initial_weights=describe_weights(config.backbone),
        saliency_source=config.labels.saliency_source if config.labels.background == "saliency" else NONE,
        tags_given=True,
    )
    floor = floor_result(evaluation.matrix, layout, evaluated, stage="pseudo label")
    add_results(config.folder.results, [floor, result])
    return result
