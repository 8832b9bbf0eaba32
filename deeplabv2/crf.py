"""``main.py crf``: dense CRF on the logits of the network, label maps of the VAL split, and their scores.

The logits come from the files of ``test --save-logits`` where these are there, else from the network, image by image:
no logits need to lie on disk or in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.data.images import read_image
from common.data.layout import DatasetLayout
from common.data.palette import write_label_map
from common.engine.finishing import FinishingProcesses, number_of_processes
from common.engine.inference import OutputFolder, StageReport, images_to_files
from common.engine.run_folder import describe_differences
from common.engine.session import Session, start_session
from common.errors import ConfigError, DataError
from deeplabv2.dataset import open_dataset
from deeplabv2.inference.inference_settings import inference_settings
from deeplabv2.inference.logits import ReadPredictions
from deeplabv2.inference.network_input import NetworkInput
from deeplabv2.inference.outputs import read_origin, read_record
from deeplabv2.inference.predictor import Prediction, open_predictor
from deeplabv2.inference.refine import ImageCrf, image_crf, probabilities_at
from deeplabv2.networks.build import input_convention
from deeplabv2.scores import score_folder
from deeplabv2.settings import DeepLabConfig
from deeplabv2.test import existing_checkpoint, prediction_record

UNRECORDED = {"logits": "files that nobody recorded how they were made"}


@dataclass(frozen=True)
class LogitSource:
    """Where logits come from.

    Attributes:
        record: everything they depend on.
        checkpoint: of the network that makes or made them, None if nobody knows.
        folder: of the files that hold them; None asks the network.
    """

    record: dict[str, Any]
    checkpoint: Path | None
    folder: Path | None


class RefineAndWrite:
    """``(path, prediction)``: CRF on the softmax of the enlarged logits, label map to ``path``; runs in any process."""

    def __init__(self, crf: ImageCrf) -> None:
        self.crf = crf

    def __call__(self, path: Path, prediction: Prediction) -> None:
        image = read_image(prediction.image)
        q = self.crf(image, probabilities_at(prediction.logits, prediction.size))
        write_label_map(path, q.argmax(0).astype(np.uint8))


def crf_predictions(config: DeepLabConfig) -> StageReport:
    """Refine the predictions of the VAL split, then score them.

    Raises:
        ConfigError: ``test`` used another checkpoint or other settings, or so did an earlier ``crf``.
        CheckpointError: the checkpoint is missing or does not fit.
        DataError: the dataset is not there, or there are neither logits nor a checkpoint.
    """
    layout = open_dataset(config)
    ids = layout.ids("val")
    source = find_logits(config, ids)
    require_those_of_test(config, source)
    crf = image_crf(config)
    output = OutputFolder(config.features / "crf", ".png", {"test": source.record, "crf": crf.record()}, config.force)
    with start_session("cpu" if source.folder else config.RUN.DEVICE) as session:
        processes = number_of_processes(config.CRF.N_JOBS or 0, len(ids), session.world_size)
        if session.is_main:
            print(
                f"Mode: crf in {processes} processes, logits from {source.folder or f'{source.checkpoint} on {session.device}'}\n"
                f"CRF: {crf.describe()}\nLabel map dst: {output.path}"
            )
        with FinishingProcesses(RefineAndWrite(crf), processes) as finishing:
            report = refine_all(config, layout, source, output, session, finishing)
        finishing.correct(report, {output.file(image_id): image_id for image_id in ids})
        failed = session.any(bool(report.failed))
        if session.is_main and not failed:
            score_folder(config, layout, output.path, source.checkpoint, crf)
    return report


def refine_all(
    config: DeepLabConfig,
    layout: DatasetLayout,
    source: LogitSource,
    output: OutputFolder,
    session: Session,
    finishing: FinishingProcesses,
) -> StageReport:
    """Hand the logits of every image to ``finishing``."""
    ids = layout.ids("val")
    if source.folder:
        read = ReadPredictions(layout.image_path, source.folder, config.DATASET.N_CLASSES)
        return images_to_files(ids, read, finishing, output, session, workers=0, title="CRF")
    assert source.checkpoint is not None
    settings = inference_settings(config)
    return images_to_files(
        ids,
        NetworkInput(layout.image_path, input_convention(config), settings, config.MODEL.PYRAMID),
        finishing,
        output,
        session,
        compute=open_predictor(config, source.checkpoint, settings, session.device),
        batch_size=config.SOLVER.BATCH_SIZE.TEST,
        workers=config.DATALOADER.NUM_WORKERS,
        title="CRF",
    )


def find_logits(config: DeepLabConfig, ids: list[str]) -> LogitSource:
    """Files that ``test`` wrote with this configuration (and the checkpoint of ``-m``, where it is given), else the
    network of that checkpoint, of the one that ``test`` used, or of the training's last one; else files that lie there
    without a record.

    Raises:
        CheckpointError: there is no checkpoint at ``-m``.
        DataError: there is nothing.
    """
    folder = config.features / "logit"
    complete = all((folder / f"{image_id}.npy").is_file() for image_id in ids)
    recorded = read_record(folder) if complete else None
    checkpoint = existing_checkpoint(Path(config.model_path)) if config.model_path else None
    wanted = (
        prediction_record(checkpoint, inference_settings(config)) if checkpoint else inference_settings(config).record()
    )
    if recorded and recorded == {"checkpoint": recorded.get("checkpoint"), **wanted}:
        return LogitSource(recorded, checkpoint or tested_checkpoint(config), folder)
    checkpoint = checkpoint or tested_checkpoint(config) or trained_checkpoint(config)
    if checkpoint:
        return LogitSource(prediction_record(checkpoint, inference_settings(config)), checkpoint, None)
    if complete:
        return LogitSource(UNRECORDED, None, folder)
    raise DataError(
        f"there are no logits in {folder} and there is no checkpoint {config.final_checkpoint}: train first, run test "
        "first, or give a checkpoint with -m"
    )


def tested_checkpoint(config: DeepLabConfig) -> Path | None:
    """The checkpoint that ``test`` used, if it still is where it was."""
    path = Path(read_origin(config.features / "label").get("checkpoint", ""))
    return path if path.is_file() else None


def trained_checkpoint(config: DeepLabConfig) -> Path | None:
    return config.final_checkpoint if config.final_checkpoint.is_file() else None


def require_those_of_test(config: DeepLabConfig, source: LogitSource) -> None:
    """Raise :class:`ConfigError` where ``test`` has left label maps of other logits: their scores stand side by side."""
    tested = read_record(config.features / "label")
    changes = describe_differences(tested, source.record) if tested and source.record != UNRECORDED else ""
    if changes:
        raise ConfigError(
            f"the label maps in {config.features / 'label'} were made with other settings than this CRF would use "
            f"({changes}); give both the same flags, run test --force again, or use another EXP.ID"
        )
