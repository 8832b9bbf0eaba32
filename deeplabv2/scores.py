"""Scores of a folder of predictions: the published JSON, and the result record with its provenance."""

from __future__ import annotations

from pathlib import Path

from common.crf.presets import CrfSettings
from common.data.layout import DatasetLayout
from common.files import write_json
from common.metrics.folder import evaluate_folder
from common.metrics.scores import compute_scores, published_json
from common.models.backbones import describe_weights
from common.report.record import Evaluated, describe_crf, floor_result, make_result
from common.report.results import NONE, add_results
from deeplabv2.settings import DeepLabConfig


def score_folder(
    config: DeepLabConfig, layout: DatasetLayout, folder: Path, name: str, crf: CrfSettings | None
) -> None:
    """Evaluate ``folder/<id>.png`` on the VAL split; a split without masks is said so and not scored."""
    ids = layout.ids("val")
    if not layout.masks.is_dir():
        print(f"no masks in {layout.masks}: predictions written, nothing scored")
        return
    evaluation = evaluate_folder(
        layout.mask_path,
        lambda image_id: folder / f"{image_id}.png",
        ids,
        config.DATASET.N_CLASSES,
        ignore_label=config.DATASET.IGNORE_LABEL,
    )
    write_json(config.scores / name, published_json(compute_scores(evaluation.matrix)))
    evaluated = Evaluated("val", evaluation.n_images, config.scores, config.RUN.SEED, config.DATASET.SCORE_CLASSES)
    result = make_result(
        evaluation.matrix,
        layout,
        evaluated,
        method=config.EXP.METHOD,
        stage="DeepLab-v2" if crf is None else "DeepLab-v2 + CRF",
        steps={config.MODEL.NAME: config.SOLVER.ITER_MAX},
        crf=NONE if crf is None else describe_crf("deeplab", crf),
        initial_weights=config.MODEL.INIT_MODEL or describe_weights(config.MODEL.BODY),
        saliency_source=config.EXP.SALIENCY_SOURCE,
    )
    floor = floor_result(evaluation.matrix, layout, evaluated, stage="DeepLab-v2")
    add_results(config.scores / "results.json", [floor, result])
    print(f"{result.method}, {result.stage}, {result.list}: {result.miou:.1f} mIoU over {result.n_images} images")
