"""Stage 4: score the pseudo labels against the masks of the list, with full provenance."""

from __future__ import annotations

from common.baseline.config import BaselineConfig, LabelConfig
from common.crf.presets import PRESETS
from common.data.layout import open_layout
from common.engine.inference import STAGE_FILE
from common.errors import DataError
from common.files import read_json
from common.metrics.folder import evaluate_folder
from common.models.backbones import BackboneConfig, describe_weights
from common.report.record import Evaluated, describe_crf, floor_result, list_name, make_result
from common.report.results import NONE, Result, add_results


def score_pseudo_labels(config: BaselineConfig) -> Result:
    """Evaluate one kind of pseudo labels; adds its record, and that of the floor, to the run's ``results.json``."""
    layout = open_layout(config.data)
    stage_file = config.label_folder / STAGE_FILE
    if not stage_file.exists():
        raise DataError(f"no pseudo labels in {config.label_folder}; run the label stage first")
    # What the labels were made with, which the present settings need not repeat.
    made_with = read_json(stage_file)
    labels, cams = LabelConfig(**made_with["labels"]), made_with["cams"]
    classifier = cams["classifier"]
    ids = layout.ids(config.split)
    evaluation = evaluate_folder(
        layout.mask_path, lambda image_id: config.label_folder / f"{image_id}.png", ids, layout.n_classes + 1
    )
    seed = classifier["engine"]["seed"]
    evaluated = Evaluated(config.split, evaluation.n_images, config.out, seed, config.score_classes)
    chosen = labels.background == "constant" and labels.choose_threshold
    threshold = {"constant": labels.threshold, "power": labels.alpha, "saliency": labels.saliency_threshold}
    result = make_result(
        evaluation.matrix,
        layout,
        evaluated,
        method=labels.method,
        stage="pseudo label" if labels.crf == NONE else "pseudo label + CRF",
        steps={"classifier": cams["steps"]},
        threshold=threshold[labels.background],
        threshold_choice=f"best on {list_name(layout, config.split)} against its masks" if chosen else "fixed",
        crf=NONE if labels.crf == NONE else describe_crf(labels.crf, PRESETS[labels.crf]),
        initial_weights=describe_weights(BackboneConfig(**classifier["backbone"])),
        saliency_source=labels.saliency_source if labels.background == "saliency" else NONE,
        tags_given=True,
    )
    floor = floor_result(evaluation.matrix, layout, evaluated, stage="pseudo label")
    add_results(config.folder.results, [floor, result])
    return result
