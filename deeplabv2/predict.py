"""``main.py predict``: masks and overlays of any folder of images; there need be neither a dataset nor masks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from common.engine.finishing import FinishingProcesses, number_of_processes
from common.engine.inference import OutputFolder, StageReport, images_to_files
from common.engine.session import start_session
from common.errors import ConfigError
from common.files import write_text
from deeplabv2.inference.image_folder import find_images
from deeplabv2.inference.inference_settings import InferenceSettings
from deeplabv2.inference.network_input import NetworkInput
from deeplabv2.inference.outputs import OutputFolders
from deeplabv2.inference.predictor import open_predictor
from deeplabv2.inference.refine import ImageCrf, image_crf
from deeplabv2.inference.write_prediction import WritePrediction
from deeplabv2.label_names import label_names
from deeplabv2.networks.build import input_convention
from deeplabv2.settings import DeepLabConfig
from deeplabv2.test import chosen_checkpoint, prediction_record


@dataclass
class PredictConfig(DeepLabConfig):
    """Predict a folder of images.

    Args:
        images: folder of the images, in it and in the folders below it.
        out: folder of the results: masks, overlays, probabilities, labels.txt.
        long_side: longer side in pixels at which the network sees the images; 0 keeps their size. Blank:
            RUN.TEST_LONG_SIDE where the configuration sets it, else IMAGE.SIZE.TEST, as the demo.
        with_crf: refine with the dense CRF.
        overlays: also write pictures of the masks over the images.
        probabilities: also write the probabilities of all labels at image size, float16.
    """

    images: str = ""
    out: str = ""
    long_side: int | None = None
    with_crf: bool = False
    overlays: bool = True
    probabilities: bool = False

    @property
    def inference_settings(self) -> InferenceSettings:
        run = self.RUN
        long_side = (run.TEST_LONG_SIDE or self.IMAGE.SIZE.TEST or 0) if self.long_side is None else self.long_side
        return InferenceSettings(long_side, tuple(run.TEST_SCALES), run.TEST_FLIP, run.PRECISION)


def training_config(config: PredictConfig) -> Path | None:
    """The settings that a training of this toolbox wrote where its checkpoint ``model_path`` lies, if there are any."""
    checkpoint = Path(config.model_path)
    files = [folder / "config.yaml" for folder in (checkpoint.parent, checkpoint.parent.parent)]
    return next((file for file in files if config.model_path and file.is_file()), None)


def predict_folder(config: PredictConfig) -> StageReport:
    """Predict every image below ``images``.

    Raises:
        ConfigError: a folder is not given, or ``out`` holds results of another checkpoint or other settings.
        CheckpointError: the checkpoint is missing or of another network.
        DataError: there is no image.
    """
    if not config.images or not config.out:
        raise ConfigError("predict needs --images FOLDER and --out FOLDER")
    paths = find_images(Path(config.images), Path(config.out))
    ids = list(paths)
    names = label_names(config)
    checkpoint = chosen_checkpoint(config)
    settings = config.inference_settings
    crf = image_crf(config) if config.with_crf else None
    output = results_of(config, checkpoint, crf)
    finish = WritePrediction(settings.long_side, crf, output.path, *(wanted_folders(config)))
    with start_session(config.RUN.DEVICE) as session:
        processes = number_of_processes(config.CRF.N_JOBS or 0, len(ids), session.world_size)
        if session.is_main:
            print(f"Mode: predict on {session.device}\nModel: {config.MODEL.NAME}, {checkpoint}")
            print(f"Images: {len(ids)} below {config.images}\nMask dst: {output.path}")
        with FinishingProcesses(finish, processes) as finishing:
            report = images_to_files(
                ids,
                NetworkInput(paths.__getitem__, input_convention(config), settings, config.MODEL.PYRAMID),
                finishing,
                output,
                session,
                compute=open_predictor(config, checkpoint, settings, session.device),
                batch_size=config.SOLVER.BATCH_SIZE.TEST,
                workers=config.DATALOADER.NUM_WORKERS,
                title="predict",
            )
        finishing.correct(report, {output.file(image_id): image_id for image_id in ids})
        if session.is_main:
            lines = [f"{label}\t{name}\n" for label, name in enumerate(names)]
            write_text(Path(config.out) / "labels.txt", "".join(lines))
    return report


def results_of(config: PredictConfig, checkpoint: Path, crf: ImageCrf | None) -> OutputFolders:
    """The folders that hold what was asked for, with the record of how it was made."""
    record = {"network": prediction_record(checkpoint, config.inference_settings), "crf": crf.record() if crf else None}
    overlays, probabilities = wanted_folders(config)
    others = [
        OutputFolder(folder, suffix, record, config.force)
        for folder, suffix in ((overlays, ".jpg"), (probabilities, ".npz"))
        if folder
    ]
    origin = {"checkpoint": str(checkpoint.resolve()), "images": str(Path(config.images).resolve())}
    return OutputFolders(Path(config.out) / "masks", ".png", record, config.force, others, origin)


def wanted_folders(config: PredictConfig) -> tuple[Path | None, Path | None]:
    """Folders of overlays and of probabilities, None for what was not asked for."""
    out = Path(config.out)
    overlays = out / "overlays" if config.overlays else None
    return overlays, out / "probabilities" if config.probabilities else None
