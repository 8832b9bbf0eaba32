"""``main.py test``: label maps of the VAL split, logits on request, and scores where there are masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common.data.palette import write_label_map
from common.engine.inference import OutputFolder, StageReport, images_to_files
from common.engine.session import start_session
from common.errors import CheckpointError
from common.models.weights import file_fingerprint
from deeplabv2.dataset import open_dataset
from deeplabv2.inference.inference_settings import InferenceSettings, inference_settings
from deeplabv2.inference.logits import write_logits
from deeplabv2.inference.network_input import NetworkInput
from deeplabv2.inference.outputs import OutputFolders
from deeplabv2.inference.predictor import Prediction, open_predictor
from deeplabv2.networks.build import input_convention
from deeplabv2.scores import score_folder
from deeplabv2.settings import DeepLabConfig


class WriteTest:
    """Writes the label map, and the logits beside it where a folder for them is given."""

    def __init__(self, labels: Path, logits: Path | None) -> None:
        self.labels, self.logits = labels, logits

    def __call__(self, path: Path, prediction: Prediction) -> None:
        if self.logits:
            write_logits(self.logits / path.relative_to(self.labels).with_suffix(".npy"), prediction.logits)
        assert prediction.label_map is not None
        write_label_map(path, prediction.label_map)


def test_network(config: DeepLabConfig) -> StageReport:
    """Predict the VAL split with ``model_path`` (default: this config's final checkpoint), then score it.

    Raises:
        CheckpointError: there is no such checkpoint, or it is of another network.
        ConfigError: there are predictions of another checkpoint or with other settings.
        DataError: the dataset is not there.
    """
    layout = open_dataset(config)
    checkpoint = chosen_checkpoint(config)
    settings = inference_settings(config)
    ids = layout.ids("val")
    logit_folder = config.features / "logit" if config.RUN.SAVE_LOGITS else None
    with start_session(config.RUN.DEVICE) as session:
        predictor = open_predictor(config, checkpoint, settings, session.device, label_maps=True)
        if session.is_main:
            print(
                f"Mode: test on {session.device}\n"
                f"Dataset: {config.DATASET.NAME}, {len(ids)} images of {config.DATASET.SPLIT.VAL}\n"
                f"Model: {config.MODEL.NAME}, {checkpoint}\n"
                f"Label map dst: {config.features / 'label'}" + (f"\nLogit dst: {logit_folder}" if logit_folder else "")
            )
        report = images_to_files(
            ids,
            NetworkInput(layout.image_path, input_convention(config), settings, config.MODEL.PYRAMID),
            WriteTest(config.features / "label", logit_folder),
            test_output(config, checkpoint, settings),
            session,
            compute=predictor,
            batch_size=config.SOLVER.BATCH_SIZE.TEST,
            workers=config.DATALOADER.NUM_WORKERS,
            title="test",
        )
        failed = session.any(bool(report.failed))
        if session.is_main and not failed:
            score_folder(config, layout, config.features / "label", checkpoint)
    return report


def test_output(config: DeepLabConfig, checkpoint: Path, settings: InferenceSettings) -> OutputFolders:
    """Where ``test`` writes."""
    record = prediction_record(checkpoint, settings)
    others = [OutputFolder(config.features / "logit", ".npy", record, config.force)] if config.RUN.SAVE_LOGITS else []
    origin = {"checkpoint": str(checkpoint.resolve())}
    return OutputFolders(config.features / "label", ".png", record, config.force, others, origin)


def prediction_record(checkpoint: Path, settings: InferenceSettings) -> dict[str, Any]:
    """Everything that logits depend on."""
    return {"checkpoint": file_fingerprint(checkpoint), **settings.record()}


def chosen_checkpoint(config: DeepLabConfig) -> Path:
    """The checkpoint of ``-m``, else the one that the training of this configuration ends with.

    Raises:
        CheckpointError: it is not there.
    """
    if config.model_path:
        return existing_checkpoint(Path(config.model_path))
    if not config.final_checkpoint.is_file():
        raise CheckpointError(f"there is no checkpoint {config.final_checkpoint}; train first, or give one with -m")
    return config.final_checkpoint


def existing_checkpoint(path: Path) -> Path:
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}; correct -m")
    return path
