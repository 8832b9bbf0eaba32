"""``main.py crf``: dense CRF on the probabilities of the network, label maps of the VAL list, and their scores.

The logits come from the files of ``test --save-logits`` where these are there, else from the network, image by image:
no logits need to lie on disk or in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.data.images import read_image
from common.data.palette import write_label_map
from common.engine.finishing import FinishingProcesses, number_of_processes
from common.engine.inference import OutputFolder, StageReport, images_to_files
from common.engine.run_folder import describe_differences
from common.engine.session import start_session
from common.errors import ConfigError, DataError
from deeplabv2.dataset import open_dataset
from deeplabv2.inference.outputs import ReadPredictions, read_origin, read_record
from deeplabv2.inference.predictor import Form, Prediction, Predictor, largest_label
from deeplabv2.inference.refine import ImageCrf
from deeplabv2.networks.build import load_network
from deeplabv2.results import score_folder
from deeplabv2.settings import DeepLabConfig
from deeplabv2.test import existing_checkpoint, form_of, network_input, part_of, prediction_record, tags_of

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


@dataclass(frozen=True)
class RefineAndWrite:
    """``(path, prediction)``: CRF on the probabilities at image size, label map to ``path``; runs in any process."""

    crf: ImageCrf
    form: Form

    def __call__(self, path: Path, prediction: Prediction) -> None:
        image = read_image(prediction.image)
        q = self.crf(image, self.form.probabilities(prediction.logits, prediction.size))
        write_label_map(path, largest_label(q, prediction.tags))


def image_crf(config: DeepLabConfig) -> ImageCrf:
    """The CRF that section crf describes."""
    return ImageCrf(config.crf.settings, config.crf.image, config.image.mean.bgr, config.crf.engine)


def crf_predictions(config: DeepLabConfig) -> StageReport:
    """Refine the predictions of the VAL list, then score them.

    Raises:
        ConfigError: ``test`` used another checkpoint or other settings, or so did an earlier ``crf``.
        CheckpointError: the checkpoint is missing or does not fit.
        DataError: the dataset is not there, or there are neither logits nor a checkpoint.
    """
    layout = open_dataset(config.data, config.network.n_labels)
    ids = part_of(layout.ids("val"), config.test.parts, config.test.part)
    form, crf = form_of(config), image_crf(config)
    source = find_logits(config, ids, form)
    require_those_of_test(config, source)
    record = {"test": source.record, "crf": crf.record()}
    output = OutputFolder(config.label_maps(crf=True), ".png", record, config.force)
    tags = tags_of(config, layout, ids)
    load: Callable[[str], Any] = network_input(config, layout, form, tags)
    if source.folder:
        load = ReadPredictions(layout.image_path, source.folder, config.network.n_labels, tags)
    with start_session("cpu" if source.folder else config.engine.device) as session:
        processes = number_of_processes(config.engine.processes, len(ids), session.world_size)
        if session.is_main:
            print(
                f"Mode: crf in {processes} processes, logits from {source.folder or f'{source.checkpoint} on {session.device}'}\n"
                f"CRF: {crf.describe()}\nLabel map dst: {output.path}"
            )
        network: dict[str, Any] = {"workers": 0}
        if not source.folder:
            assert source.checkpoint is not None
            predictor = Predictor(form, load_network(config.network, source.checkpoint), session.device)
            network = {"compute": predictor, "batch_size": config.test.batch_size, "workers": config.engine.workers}
        with FinishingProcesses(RefineAndWrite(crf, form), processes) as finishing:
            report = images_to_files(ids, load, finishing, output, session, title="CRF", **network)
        finishing.correct(report, {output.file(image_id): image_id for image_id in ids})
        failed = session.any(bool(report.failed))
        if session.is_main and not failed:
            score_folder(config, layout, source.checkpoint, crf)
    return report


def find_logits(config: DeepLabConfig, ids: list[str], form: Form) -> LogitSource:
    """Files that ``test`` wrote with this configuration (and the checkpoint of ``-m``, where it is given), else the
    network of that checkpoint, of the one that ``test`` used, or of the training's last one; else files that lie there
    without a record.

    Raises:
        CheckpointError: there is no checkpoint at ``-m``.
        DataError: there is nothing.
    """
    folder = config.logits
    complete = not config.test.squares and all((folder / f"{image_id}.npy").is_file() for image_id in ids)
    recorded = read_record(folder) if complete else None
    given = existing_checkpoint(Path(config.checkpoint)) if config.checkpoint else None
    if recorded:
        wanted = prediction_record(config, given, form) if given else {**recorded, **form.record()}
        if recorded == wanted and recorded.get("tags", False) == config.test.tags:
            return LogitSource(recorded, given or tested_checkpoint(config), folder)
    checkpoint = given or tested_checkpoint(config) or trained_checkpoint(config)
    if checkpoint:
        return LogitSource(prediction_record(config, checkpoint, form), checkpoint, None)
    if complete:
        return LogitSource(UNRECORDED, None, folder)
    raise DataError(
        f"there are no logits in {folder} and there is no checkpoint {config.final_checkpoint}: train first, run test "
        "first, or give a checkpoint with -m"
    )


def tested_checkpoint(config: DeepLabConfig) -> Path | None:
    """The checkpoint that ``test`` used, if it still is where it was."""
    path = Path(read_origin(config.label_maps(crf=False)).get("checkpoint", ""))
    return path if path.is_file() else None


def trained_checkpoint(config: DeepLabConfig) -> Path | None:
    return config.final_checkpoint if config.final_checkpoint.is_file() else None


def require_those_of_test(config: DeepLabConfig, source: LogitSource) -> None:
    """Raise :class:`ConfigError` where ``test`` has left label maps of other logits: their scores stand side by side."""
    folder = config.label_maps(crf=False)
    tested = read_record(folder)
    changes = describe_differences(tested, source.record) if tested and source.record != UNRECORDED else ""
    if changes:
        raise ConfigError(
            f"the label maps in {folder} were made with other settings than this CRF would use ({changes}); give both the "
            "same flags, run test --force again, or use another --experiment"
        )
