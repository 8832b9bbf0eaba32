"""What follows the trainings: attention maps, random-walk maps, pseudo labels, scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.baseline.cams import ids_by_size
from common.config import config_to_dict
from common.data.dataset import ListedImages
from common.data.layout import DatasetLayout, open_layout
from common.engine.inference import STAGE_FILE, OutputFolder, StageReport, images_to_files
from common.engine.session import Session, start_session
from common.errors import ConfigError, DataError
from common.files import read_json, write_json
from common.metrics.folder import evaluate_folder
from common.metrics.scores import compute_scores, restrict_truth
from common.metrics.selection import score_labels
from common.models.weights import file_fingerprint
from common.report.record import Evaluated, floor_result, list_name, make_result
from common.report.results import Result, add_results
from l2g_cda.config import L2GConfig
from l2g_cda.labels.pseudo import make_pseudo_labels
from l2g_cda.labels.sweep import attention_samples, threshold_matrices
from l2g_cda.maps import (
    AFFINITY_FOLDER,
    AttentionInference,
    AttentionWriter,
    PyramidReader,
    RandomWalkInference,
    ScoreInference,
    inference_settings,
    write_random_walk,
)
from l2g_cda.models.bodies import describe_initial_weights
from l2g_cda.models.network import ClassProbabilities, L2GNetwork, build_network
from l2g_cda.models.published import load_published
from l2g_cda.train import finished_checkpoint, stage_engine

# Background scores that ``labels.choose_threshold`` tries.
THRESHOLDS = tuple(number / 100 for number in range(1, 91))


def trained_network(config: L2GConfig, layout: DatasetLayout) -> tuple[L2GNetwork | ClassProbabilities, Path]:
    """The global network in eval mode, as the source of the maps asked for, and the file it was read from.

    Raises:
        CheckpointError: the file is missing or of another network.
    """
    path = Path(config.maps.checkpoint) if config.maps.checkpoint else finished_checkpoint(config, layout)
    # The checkpoint covers every tensor, so the initial weights need not be at hand.
    network = build_network(dataclasses.replace(config.body, weights=""), layout.n_classes)
    load_published(network, path)
    source = network if config.maps.values == "scores" else ClassProbabilities(network)
    return source.eval(), path


def map_settings(config: L2GConfig, layout: DatasetLayout, checkpoint: Path) -> dict[str, Any]:
    """Everything the maps depend on, without what only sets the pace."""
    return {
        "checkpoint": f"{checkpoint.name} sha256:{file_fingerprint(checkpoint)}",
        "body": config_to_dict(config.body),
        "normalisation": config.views.normalisation,
        "scales": list(config.maps.scales),
        "values": config.maps.values,
        "precision": config.maps.precision,
        "images": str(layout.images),
        "split": config.split,
    }


def compute_attention(config: L2GConfig) -> StageReport:
    """Write ``ms/attention/<id>_<c>.png`` and ``cam_png/<id>.png`` for every image of the list."""
    layout = open_layout(config.data)
    with start_session(config.engine.device) as session:
        network, checkpoint = trained_network(config, layout)
        settings = map_settings(config, layout, checkpoint)
        write = AttentionWriter(config.attention_folder, config.maps.threshold)
        # The label maps are written last, so that they say which images are complete.
        labelled = settings | {"threshold": config.maps.threshold}
        output = OutputFolder(config.out / "cam_png", ".png", labelled, config.force)
        inference = AttentionInference(network, inference_settings(config.maps), session.device)
        report = write_maps(config, layout, session, inference, write, output)
        session.on_main(lambda: write_json(config.attention_folder / STAGE_FILE, settings))
    return report


def compute_random_walk(config: L2GConfig) -> StageReport:
    """Write ``cam_npy_aff/<id>.npy`` and ``cam_npy_irn/<id>.npy``, for AffinityNet and IRN."""
    layout = open_layout(config.data)
    with start_session(config.engine.device) as session:
        network, checkpoint = trained_network(config, layout)
        settings = map_settings(config, layout, checkpoint)
        output = OutputFolder(config.out / AFFINITY_FOLDER, ".npy", settings, config.force)
        inference = RandomWalkInference(network, inference_settings(config.maps), session.device)
        return write_maps(config, layout, session, inference, write_random_walk, output)


def write_maps(
    config: L2GConfig,
    layout: DatasetLayout,
    session: Session,
    inference: ScoreInference,
    write: Callable[[Path, Any], None],
    output: OutputFolder,
) -> StageReport:
    """The loop of both kinds of maps over the images of the list."""
    ids = ids_by_size(layout, layout.ids(config.split))
    images = ListedImages(layout, ids, parts={"tags"})
    return images_to_files(
        ids,
        PyramidReader(images, config.maps.scales, config.views.normalisation),
        write,
        output,
        session,
        compute=inference,
        batch_size=inference.config.batch_size,
        workers=config.engine.workers,
        title="score maps",
    )


def make_labels(config: L2GConfig) -> StageReport:
    """Write the pseudo labels of the list, with the threshold of the configuration or the best of a sweep.

    Raises:
        DataError: there are no attention maps yet.
    """
    layout = open_layout(config.data)
    threshold = sweep_threshold(config, layout) if config.labels.choose_threshold else config.labels.threshold
    return make_pseudo_labels(
        layout,
        layout.ids(config.split),
        config.attention_folder,
        config.label_folder,
        threshold,
        force=config.force,
        workers=config.engine.workers,
    )


def sweep_threshold(config: L2GConfig, layout: DatasetLayout) -> float:
    """The background score that is best against the masks of the list; the sweep goes to ``threshold_sweep.json``."""
    ids = layout.ids(config.split)
    labels, names = score_labels(layout.classes, config.score_classes)
    samples = attention_samples(layout, ids, config.attention_folder)
    matrices = threshold_matrices(samples, ids, THRESHOLDS, layout.n_classes + 1)
    miou = [100 * compute_scores(restrict_truth(matrix, labels), names).mean_iou for matrix in matrices]
    best = THRESHOLDS[miou.index(max(miou))]
    sweep = {"thresholds": THRESHOLDS, "miou": miou, "best": best, "n_images": len(ids)}
    write_json(config.out / "threshold_sweep.json", sweep)
    print(f"background threshold {best:.2f}: {max(miou):.1f} mIoU, the best of {len(miou)} against {len(ids)} masks")
    return best


def score_pseudo_labels(config: L2GConfig) -> Result:
    """Score the pseudo labels against the masks of the list; adds the record, and the floor's, to ``results.json``.

    Raises:
        ConfigError: ``labels.saliency_source`` is not said.
        DataError: there are no pseudo labels yet.
    """
    if not config.labels.saliency_source:
        raise ConfigError("labels.saliency_source is empty: say which network and data made the saliency maps")
    stage_file = config.label_folder / STAGE_FILE
    if not stage_file.exists():
        raise DataError(f"no pseudo labels in {config.label_folder}; run the label stage first")
    layout = open_layout(config.data)
    ids = layout.ids(config.split)
    evaluation = evaluate_folder(
        layout.mask_path, lambda image_id: config.label_folder / f"{image_id}.png", ids, layout.n_classes + 1
    )
    evaluated = Evaluated(config.split, evaluation.n_images, config.out, config.engine.seed, config.score_classes)
    chosen = config.labels.choose_threshold
    result = make_result(
        evaluation.matrix,
        layout,
        evaluated,
        method=config.method_name,
        stage="pseudo label",
        steps=trained_steps(config, len(ids)),
        threshold=read_json(stage_file)["threshold"],
        threshold_choice=f"best on {list_name(layout, config.split)} against its masks" if chosen else "fixed",
        initial_weights=describe_initial_weights(config.body),
        saliency_source=config.labels.saliency_source,
        tags_given=True,
    )
    add_results(config.results, [floor_result(evaluation.matrix, layout, evaluated, stage="pseudo label"), result])
    return result


def trained_steps(config: L2GConfig, n_images: int) -> dict[str, int]:
    """Optimiser steps of each training."""
    if config.maps.checkpoint:
        return {"given network": 0}
    steps = {"base": stage_engine(config, "base", n_images).end_step}
    if config.pasting.epochs:
        steps["pasting"] = stage_engine(config, "pasting", n_images).end_step
    return steps
