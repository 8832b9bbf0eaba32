"""``main.py predict``: masks and overlays of any folder of images; there need be neither a dataset nor masks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from common.bounds import LONGEST_SIDE, bounded
from common.data.classes import read_class_names
from common.data.images import IMAGE_SUFFIXES, read_image
from common.data.palette import write_label_map
from common.data.presets import CLASSES_FILE
from common.engine.inference import OutputFolder
from common.engine.session import start_session
from common.errors import ConfigError, DataError
from common.files import write_npz, write_text
from common.metrics.confidence import CONFIDENCE_SUFFIX, confidence_of, write_confidence
from common.metrics.selection import BACKGROUND
from common.visual.overlay import label_overlay
from common.visual.panels import write_jpeg
from deeplabv2.crf import ImageCrf, image_crf
from deeplabv2.dataset import label_names
from deeplabv2.inference import ImageForm, Prediction, Predictor
from deeplabv2.networks.registry import load_network
from deeplabv2.outputs import OutputFolders
from deeplabv2.resize import enlarge_maps, largest_enlarged
from deeplabv2.settings import DeepLabConfig, RefinedConfig
from deeplabv2.test import chosen_checkpoint, form_of, images_to_outputs, load_inputs, prediction_record

OVERLAY_QUALITY = 90


@dataclass
class FolderConfig(RefinedConfig):
    """Images of any folder, and how large the network sees them.

    Args:
        image_folder: the images, in it and in the folders below it.
        seen_side: longer side in pixels at which the network sees the images; 0 keeps their size. Blank: test.long_side where
            the configuration sets it, else image.test_size, as the demo.
    """

    image_folder: str = ""
    seen_side: int | None = bounded(None, least=0, most=LONGEST_SIDE)


@dataclass
class PredictConfig(FolderConfig):
    """Predict a folder of images.

    Args:
        results: folder of the results (--out): masks, overlays, probabilities, labels.txt.
        overlays: also write pictures of the masks over the images.
        probabilities: also write the probabilities of all labels at image size, float16.
        confidence: also write how sure the network is of each image: two numbers, before the CRF.
    """

    results: str = ""
    overlays: bool = True
    probabilities: bool = False
    confidence: bool = False


class ExtraFolders(NamedTuple):
    """Where what is written beside the masks goes, None for what was not asked for."""

    overlays: Path | None
    probabilities: Path | None
    confidence: Path | None


@dataclass(frozen=True)
class WritePrediction:
    """``(path, prediction)``: writes the mask to ``path`` and what else is wanted beside it; runs in any process.

    Probabilities and the CRF (if not None) are computed at the size at which the network saw the image, then enlarged.

    Attributes:
        masks: folder of the masks.
        extras: folders of overlays, JPEG pictures at the size of the image; of ``.npz`` files with ``probabilities``, float16
            C x H x W; and of files of :func:`write_confidence`.
    """

    form: ImageForm
    crf: ImageCrf | None
    masks: Path
    extras: ExtraFolders

    def __call__(self, path: Path, prediction: Prediction) -> None:
        image = read_image(prediction.image, upright=True)
        shown = self.form.shown(image)
        scores = self.form.probabilities(prediction.logits, (shown.shape[0], shown.shape[1]))
        name = path.relative_to(self.masks)
        if self.extras.confidence:
            write_confidence(self.extras.confidence / name.with_suffix(CONFIDENCE_SUFFIX), confidence_of(scores))
        if self.crf:
            scores = self.crf(shown, scores)
        if self.extras.probabilities:
            write_probabilities(self.extras.probabilities / name.with_suffix(".npz"), scores, prediction.size)
        mask = largest_enlarged(torch.from_numpy(scores)[None], prediction.size)[0].numpy()
        if self.extras.overlays:
            write_jpeg(self.extras.overlays / name.with_suffix(".jpg"), label_overlay(image, mask), OVERLAY_QUALITY)
        write_label_map(path, mask)


def write_probabilities(path: Path, probabilities: np.ndarray, size: tuple[int, int]) -> None:
    """Enlarge float32 C x h x w to ``size``, label by label, and write it as float16."""
    enlarged = np.empty((len(probabilities), *size), np.float16)
    for label, one in enumerate(torch.from_numpy(probabilities)):
        enlarged[label] = enlarge_maps(one[None, None], size)[0, 0].numpy()
    write_npz(path, probabilities=enlarged)


def training_config(config: DeepLabConfig) -> Path | None:
    """The settings that a training of this toolbox wrote where its ``checkpoint`` lies, if there are any."""
    return beside_checkpoint(config, "config.yaml") if config.checkpoint else None


def beside_checkpoint(config: DeepLabConfig, name: str) -> Path | None:
    """A file of the run whose training wrote the network."""
    checkpoint = chosen_checkpoint(config)
    return next((file for place in checkpoint.parents[:2] if (file := place / name).is_file()), None)


def names_of_labels(config: DeepLabConfig) -> list[str]:
    """One name per label, background first: as the settings say, else the classes that the network was trained on."""
    recorded = beside_checkpoint(config, CLASSES_FILE)
    if recorded and not config.data.label_names and config.data.dataset == "folder":
        names = [BACKGROUND, *read_class_names(recorded)]
        if len(names) == config.network.n_labels:
            return names
    return label_names(config.data, config.network.n_labels)


def predict_folder(config: PredictConfig) -> int:
    """Predict every image below ``image_folder``."""
    if not config.image_folder or not config.results:
        raise ConfigError("predict needs --images FOLDER and --out FOLDER")
    paths = find_images(Path(config.image_folder), Path(config.results))
    names = names_of_labels(config)
    checkpoint, form = chosen_checkpoint(config), form_of(config, side_for_network(config, config.seen_side))
    crf = image_crf(config) if config.with_crf else None
    output = results_of(config, checkpoint, form, crf)
    load = load_inputs(config, paths.__getitem__, form, upright=True, n_labels=config.network.n_labels)
    finish = WritePrediction(form, crf, output.path, wanted_folders(config))
    with start_session(config.engine.device) as session, session.writing(output.path):
        if session.is_main:
            print(f"Mode: predict on {session.device}\nModel: {config.network.name}, {checkpoint}")
            print(f"Images: {len(paths)} below {config.image_folder}\nMask dst: {output.path}")
        predictor = Predictor(form, load_network(config.network, checkpoint), session.device)
        report = images_to_outputs(config, list(paths), load, finish, output, session, predictor, "predict")
        if session.is_main:
            lines = [f"{label}\t{name}\n" for label, name in enumerate(names)]
            write_text(Path(config.results) / "labels.txt", "".join(lines))
    return report.exit_status("predict")


def side_for_network(config: DeepLabConfig, seen_side: int | None) -> int:
    """The longer side of images for the network: what was asked for, else what the configuration says; 0 for their own."""
    return (config.test.long_side or config.image.test_size) if seen_side is None else seen_side


def results_of(config: PredictConfig, checkpoint: Path, form: ImageForm, crf: ImageCrf | None) -> OutputFolders:
    """The folders that hold what was asked for, with the record of how it was made."""
    record = {"network": prediction_record(config, checkpoint, form), "crf": crf.record() if crf else None}
    extras = wanted_folders(config)
    kinds: list[tuple[Path | None, str, dict[str, str]]] = [
        # A photograph's size takes the place of the size that the network saw, which was that of earlier versions.
        (extras.overlays, ".jpg", {"size": "of the image"}),
        (extras.probabilities, ".npz", {}),
        (extras.confidence, CONFIDENCE_SUFFIX, {}),
    ]
    others = [
        OutputFolder(folder, suffix, {**record, **more}, config.force) for folder, suffix, more in kinds if folder
    ]
    origin = {"checkpoint": str(checkpoint.resolve()), "images": str(Path(config.image_folder).resolve())}
    return OutputFolders(Path(config.results) / "masks", ".png", record, config.force, others, origin)


def wanted_folders(config: PredictConfig) -> ExtraFolders:
    """Folders of what was asked for."""
    out = Path(config.results)
    wanted = {name: getattr(config, name) for name in ExtraFolders._fields}
    return ExtraFolders(**{name: out / name if value else None for name, value in wanted.items()})


def find_images(folder: Path, results: Path) -> dict[str, Path]:
    """Id -> file of every image in ``folder`` and the folders below it, sorted; an id is the path inside ``folder``
    without its ending. Hidden files and folders are left out, linked folders are not entered.

    Args:
        results: where results go; if that is below ``folder``, nothing in it is taken for an image.
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
