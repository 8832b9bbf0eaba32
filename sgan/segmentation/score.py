"""Scores of a folder of predictions, with their provenance."""

from __future__ import annotations

import re
from pathlib import Path

from common.crf.presets import PRESETS
from common.data.layout import DatasetLayout
from common.metrics.folder import evaluate_folder
from common.report.record import Evaluated, describe_crf, floor_result, make_result
from common.report.results import NONE, Result, add_results
from sgan.segmentation.build import describe_initial_weights
from sgan.segmentation.config import SegmentationConfig

STEPS_IN_NAME = re.compile(r"_(\d+)\.pth")


def score_predictions(config: SegmentationConfig, layout: DatasetLayout, checkpoint: Path) -> Result:
    """Evaluate the predictions of this configuration; adds the record, and that of the floor, to ``results.json``.

    Raises:
        DataError: a mask or a prediction is missing or does not fit.
    """
    test = config.test
    evaluation = evaluate_folder(
        layout.mask_path,
        lambda image_id: config.predictions / f"{image_id}.png",
        layout.ids(test.split),
        layout.n_classes + 1,
    )
    evaluated = Evaluated(test.split, evaluation.n_images, config.out, config.engine.seed, config.score_classes)
    stage = "DeepLab-v2 + CRF" if test.smooth else "DeepLab-v2"
    crf = describe_crf("sec", PRESETS["sec"]) if test.smooth else NONE
    network = config.network.body.name if config.network.name == "body" else config.network.name
    steps = STEPS_IN_NAME.search(checkpoint.name)
    result = make_result(
        evaluation.matrix,
        layout,
        evaluated,
        method=config.method,
        stage=stage,
        steps={f"DeepLab-v2 {network}": int(steps[1]) if steps else config.engine.max_steps},
        crf=crf,
        initial_weights=describe_initial_weights(config.network),
        saliency_source=config.saliency_source,
        tags_given=test.use_tags,
    )
    floor = floor_result(evaluation.matrix, layout, evaluated, stage=stage, crf=crf)
    add_results(config.folder.results, [floor, result])
    print(result.line())
    return result
