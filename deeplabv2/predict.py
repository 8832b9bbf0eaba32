"""``main.py predict``: masks and overlays of any folder of images; there need be neither a dataset nor masks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from common.data.images import IMAGE_SUFFIXES, read_image
from common.data.palette import write_label_map
from common.engine.finishing import FinishingProcesses, number_of_processes
from common.engine.inference import OutputFolder, StageReport, images_to_files
from common.engine.session import start_session
from common.errors import ConfigError, DataError
from common.files import atomic_write, write_npz, write_text
from common.visual.overlay import label_overlay
from deeplabv2.crf import image_crf
from deeplabv2.dataset import label_names
from deeplabv2.inference.outputs import OutputFolders
from deeplabv2.inference.predictor import Form, NetworkInput, Prediction, Predictor
from deeplabv2.inference.refine import ImageCrf
from deeplabv2.inference.whole import largest_enlarged
from deeplabv2.networks.build import load_network
from deeplabv2.networks.msc import enlarge
from deeplabv2.settings import DeepLabConfig
from deeplabv2.test import chosen_checkpoint, form_of, prediction_record
from deeplabv2.train import convention_of

JPEG_QUALITY = 90


@dataclass
class PredictConfig(DeepLabConfig):
    """Predict a folder of images.

    Args:
        images: folder of the images, in it and in the folders below it.
        results: folder of the results (--out): masks, overlays, probabilities, labels.txt.
        long_side: longer side in pixels at which the network sees the images; 0 keeps their size. Blank: test.long_side where
            the configuration sets it, else image.test_size, as the demo.
        with_crf: refine with the dense CRF.
        overlays: also write pictures of the masks over the images.
        probabilities: also write the probabilities of all labels at image size, float16.
    """

    images: str = ""
    results: str = ""
    long_side: int | None = None
    with_crf: bool = False
    overlays: bool = True
    probabilities: bool = False

    @property
    def seen_side(self) -> int:
        return (self.test.long_side or self.image.test_size) if self.long_side is None else self.long_side


@dataclass(frozen=True)
class WritePrediction:
    """``(path, prediction)``: writes the mask to ``path`` and what else is wanted beside it; runs in any process.

    Probabilities, and the CRF on them, are computed at the size at which the network saw the image, then enlarged.

    Attributes:
        crf: None leaves it out.
        masks: folder of the masks.
        overlays: folder of JPEG pictures at the size that the network saw; None leaves them out.
        probabilities: folder of ``.npz`` files with ``probabilities``, float16 C x H x W; None leaves them out.
    """

    form: Form
    crf: ImageCrf | None
    masks: Path
    overlays: Path | None
    probabilities: Path | None

    def __call__(self, path: Path, prediction: Prediction) -> None:
        shown = self.form.shown(read_image(prediction.image))
        scores = self.form.probabilities(prediction.logits, (shown.shape[0], shown.shape[1]))
        if self.crf:
            scores = self.crf(shown, scores)
        name = path.relative_to(self.masks)
        if self.probabilities:
            write_probabilities(self.probabilities / name.with_suffix(".npz"), scores, prediction.size)
        if self.overlays:
            write_jpeg(self.overlays / name.with_suffix(".jpg"), label_overlay(shown, scores.argmax(0)))
        write_label_map(path, largest_enlarged(torch.from_numpy(scores)[None], prediction.size)[0].numpy())


def write_probabilities(path: Path, probabilities: np.ndarray, size: tuple[int, int]) -> None:
    """Enlarge float32 C x h x w to ``size``, label by label, and write it as float16."""
    enlarged = np.empty((len(probabilities), *size), np.float16)
    for label, one in enumerate(torch.from_numpy(probabilities)):
        enlarged[label] = enlarge(one[None, None], size)[0, 0].numpy()
    write_npz(path, probabilities=enlarged)


def write_jpeg(path: Path, picture: np.ndarray) -> None:
    image = Image.fromarray(picture)
    atomic_write(path, lambda file: image.save(file, format="JPEG", quality=JPEG_QUALITY))


def training_config(config: PredictConfig) -> Path | None:
    """The settings that a training of this toolbox wrote where its ``checkpoint`` lies, if there are any."""
    checkpoint = Path(config.checkpoint)
    files = [folder / "config.yaml" for folder in (checkpoint.parent, checkpoint.parent.parent)]
    return next((file for file in files if config.checkpoint and file.is_file()), None)


def predict_folder(config: PredictConfig) -> StageReport:
    """Predict every image below ``images``.

    Raises:
        ConfigError: a folder is not given, or ``results`` holds those of another checkpoint or other settings.
        CheckpointError: the checkpoint is missing or of another network.
        DataError: there is no image.
    """
    if not config.images or not config.results:
        raise ConfigError("predict needs --images FOLDER and --out FOLDER")
    paths = find_images(Path(config.images), Path(config.results))
    ids = list(paths)
    names = label_names(config.data, config.network.n_labels)
    checkpoint = chosen_checkpoint(config)
    form = form_of(config, config.seen_side)
    crf = image_crf(config) if config.with_crf else None
    output = results_of(config, checkpoint, form, crf)
    finish = WritePrediction(form, crf, output.path, *wanted_folders(config))
    with start_session(config.engine.device) as session:
        processes = number_of_processes(config.engine.processes, len(ids), session.world_size)
        if session.is_main:
            print(f"Mode: predict on {session.device}\nModel: {config.network.name}, {checkpoint}")
            print(f"Images: {len(ids)} below {config.images}\nMask dst: {output.path}")
        with FinishingProcesses(finish, processes) as finishing:
            report = images_to_files(
                ids,
                NetworkInput(paths.__getitem__, convention_of(config), form, config.network.pyramid),
                finishing,
                output,
                session,
                compute=Predictor(form, load_network(config.network, checkpoint), session.device),
                batch_size=config.test.batch_size,
                workers=config.engine.workers,
                title="predict",
            )
        finishing.correct(report, {output.file(image_id): image_id for image_id in ids})
        if session.is_main:
            lines = [f"{label}\t{name}\n" for label, name in enumerate(names)]
            write_text(Path(config.results) / "labels.txt", "".join(lines))
    return report


def results_of(config: PredictConfig, checkpoint: Path, form: Form, crf: ImageCrf | None) -> OutputFolders:
    """The folders that hold what was asked for, with the record of how it was made."""
    record = {"network": prediction_record(config, checkpoint, form), "crf": crf.record() if crf else None}
    overlays, probabilities = wanted_folders(config)
    others = [
        OutputFolder(folder, suffix, record, config.force)
        for folder, suffix in ((overlays, ".jpg"), (probabilities, ".npz"))
        if folder
    ]
    origin = {"checkpoint": str(checkpoint.resolve()), "images": str(Path(config.images).resolve())}
    return OutputFolders(Path(config.results) / "masks", ".png", record, config.force, others, origin)


def wanted_folders(config: PredictConfig) -> tuple[Path | None, Path | None]:
    """Folders of overlays and of probabilities, None for what was not asked for."""
    out = Path(config.results)
    overlays = out / "overlays" if config.overlays else None
    return overlays, out / "probabilities" if config.probabilities else None


def find_images(folder: Path, results: Path) -> dict[str, Path]:
    """Id -> file of every image in ``folder`` and the folders below it, sorted; an id is the path inside ``folder``
    without its ending. Hidden files and folders are left out, linked folders are not entered.

    Args:
        results: where results go; if that is below ``folder``, nothing in it is taken for an image.

    Raises:
        ConfigError: both are the same folder.
        DataError: the folder does not exist or holds no image, or two images have one id.
    """
    if not folder.is_dir():
        raise DataError(f"image folder {folder} does not exist; correct --images")
    if folder.resolve() == results.resolve():
        raise ConfigError(
            f"--out {results} is the folder of the images; give another one, e.g. {results / 'predicted'}"
        )
    written = results.resolve()
    paths: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.is_dir() or hidden or written in path.absolute().parents:
            continue
        image_id = inside.with_suffix("").as_posix()
        if image_id in paths:
            raise DataError(f"{paths[image_id]} and {path} would have the same mask; rename one of them")
        paths[image_id] = path
    if not paths:
        raise DataError(f"image folder {folder} holds no images ({', '.join(IMAGE_SUFFIXES)})")
    return paths
