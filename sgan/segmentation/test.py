"""``test``: label maps of a list by the trained network, with or without CRF; pictures and scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common.crf.inference import resolve_engine
from common.data.layout import open_layout
from common.engine.finishing import FinishingProcesses, number_of_processes
from common.engine.inference import OutputFolder, StageReport, images_to_files
from common.engine.session import start_session
from common.errors import CheckpointError
from common.models.weights import file_fingerprint
from sgan.segmentation.build import load_network
from sgan.segmentation.config import SegmentationConfig
from sgan.segmentation.parts import part_of
from sgan.segmentation.pictures import draw_pictures
from sgan.segmentation.predict import Predictor, SquareInputs, WriteLabels
from sgan.segmentation.score import score_predictions


def predict_list(config: SegmentationConfig) -> StageReport:
    """Write ``predictions/<kind>/<id>.png`` for every image of the list, then score them.

    Raises:
        CheckpointError: there is no finished training, or the checkpoint is of another network.
        ConfigError: there are predictions of another checkpoint or with other settings.
        DataError: the dataset is not there.
    """
    layout, test = open_layout(config.data), config.test
    everything = layout.ids(test.split)
    ids = list(part_of(everything, test.total_parts, test.part))
    checkpoint = chosen_checkpoint(config)
    load = SquareInputs(layout, test, layout.read_tags(ids) if test.use_tags else {})
    output = OutputFolder(config.predictions, ".png", prediction_record(config, checkpoint), config.force)
    with start_session(config.engine.device) as session:
        network = load_network(config.network, layout.n_classes + 1, checkpoint)
        predictor = Predictor(network, config.engine.precision, session.device)
        processes = number_of_processes(test.processes, len(ids), session.world_size)
        with FinishingProcesses(WriteLabels(test), processes) as finishing:
            report = images_to_files(
                ids,
                load,
                finishing,
                output,
                session,
                compute=predictor,
                batch_size=test.batch_size,
                workers=config.engine.workers,
                title="segmentation",
            )
        finishing.correct(report, {output.file(image_id): image_id for image_id in ids})
        if session.any(bool(report.failed)) or not session.is_main:
            return report
        draw_pictures(config, layout, ids, load, predictor)
        # Of several parts the last to end finds all files there.
        if test.score and all(output.file(image_id).exists() for image_id in everything):
            score_predictions(config, layout, checkpoint)
    return report


def chosen_checkpoint(config: SegmentationConfig) -> Path:
    """``model``, else what the training of this run ends with.

    Raises:
        CheckpointError: it is not there.
    """
    path = Path(config.model) if config.model else config.final_weights
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}; train first, or give one with --model")
    return path


def prediction_record(config: SegmentationConfig, checkpoint: Path) -> dict[str, Any]:
    """Everything that the label maps depend on."""
    test = config.test
    crf = {"engine": resolve_engine(test.crf_engine)} if test.smooth else None
    return {
        "checkpoint": file_fingerprint(checkpoint),
        "sides": test.sides,
        "edge": test.edge,
        "precision": config.engine.precision,
        "tags": test.use_tags,
        "crf": crf,
    }
