"""``main.py crf``: dense CRF on the probabilities of the network, label maps of the VAL list, and their scores.

The logits come from the files of ``test --save-logits`` where these are there, else from the network, image by image:
no logits need to lie on disk or in memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common.crf.inference import Engine, dense_crf, resolve_engine
from common.crf.presets import PRESETS, CrfSettings
from common.crf.unary import unary_from_probabilities
from common.data.images import read_image
from common.data.palette import write_label_map
from common.engine.inference import OutputFolder
from common.engine.run_folder import describe_differences
from common.engine.session import start_session
from common.errors import ConfigError, DataError
from common.failures import read_failures
from common.method.maps import record_of
from common.paths import path_of_id
from common.report.record import describe_crf
from deeplabv2.dataset import open_segmentation_data
from deeplabv2.inference import ImageForm, Prediction, Predictor, largest_label
from deeplabv2.networks.registry import load_network
from deeplabv2.outputs import ORIGIN_FILE, ReadPredictions
from deeplabv2.results import score_folder
from deeplabv2.settings import CrfImage, DeepLabConfig
from deeplabv2.test import (
    existing_checkpoint,
    form_of,
    images_to_outputs,
    load_inputs,
    part_of,
    prediction_record,
    tags_of,
)

UNRECORDED = {"logits": "files that nobody recorded how they were made"}


def mean_subtracted(image_bgr: np.ndarray, mean_bgr: tuple[float, float, float]) -> np.ndarray:
    """The image that the original crf command gives to the CRF: minus the mean, cut to whole numbers modulo 256.

    The published cast of negative numbers to uint8 is undefined; this is what x86 processors do (spec, section 10 row 1). Image and
    result are uint8, H x W x 3, the mean is in grey levels 0..255.
    """
    difference = image_bgr.astype(np.float32) - np.asarray(mean_bgr, np.float32)
    return difference.astype(np.int32).astype(np.uint8)


@dataclass(frozen=True)
class ImageCrf:
    """The CRF of a configuration: ``(image, probabilities) -> probabilities``.

    Attributes:
        settings: its constants.
        image: the image in BGR order (default), in RGB order, or in BGR order minus the mean as the original crf command took it.
        mean_bgr: the mean, grey levels 0..255.
        engine: what computes it.
    """

    settings: CrfSettings
    image: CrfImage = "original"
    mean_bgr: tuple[float, float, float] = (0.0, 0.0, 0.0)
    engine: Engine = "auto"

    def __call__(self, image: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Refine.

        Args:
            image: uint8 RGB, H x W x 3.
            probabilities: float32, C x H x W.

        Returns:
            float32, C x H x W.
        """
        seen = np.ascontiguousarray(image if self.image == "rgb" else image[..., ::-1])
        if self.image == "mean_subtracted":
            seen = mean_subtracted(seen, self.mean_bgr)
        return dense_crf(seen, unary_from_probabilities(probabilities), self.settings, self.engine)

    def record(self) -> dict[str, Any]:
        """Plain values for ``stage.json``."""
        mean = list(self.mean_bgr) if self.image == "mean_subtracted" else None
        return {**vars(self.settings), "image": self.image, "mean": mean, "engine": resolve_engine(self.engine)}

    def describe(self) -> str:
        """One line for a result. Of presets with equal constants the last is named: SEC's, the one of a segmentation network."""
        names = [name for name, settings in PRESETS.items() if settings == self.settings]
        unusual = ", image minus mean" if self.image == "mean_subtracted" else ""
        return describe_crf(names[-1] if names else "own", self.settings) + unusual


class LogitSource(NamedTuple):
    """Where logits come from: everything they depend on; the checkpoint of the network that makes or made them, None if nobody
    knows; the folder of the files that hold them, None to ask the network.
    """

    record: dict[str, Any]
    checkpoint: Path | None
    folder: Path | None


@dataclass(frozen=True)
class RefineAndWrite:
    """``(path, prediction)``: CRF on the probabilities at image size, label map to ``path``; runs in any process.

    Attributes:
        upright: turn images as their EXIF orientation says.
    """

    crf: ImageCrf
    form: ImageForm
    upright: bool = False

    def __call__(self, path: Path, prediction: Prediction) -> None:
        image = read_image(prediction.image, self.upright)
        q = self.crf(image, self.form.probabilities(prediction.logits, prediction.size))
        write_label_map(path, largest_label(q, prediction.tags))


def image_crf(config: DeepLabConfig) -> ImageCrf:
    """The CRF that section crf describes."""
    return ImageCrf(config.crf.settings, config.crf.image, config.image.mean.bgr, config.crf.engine)


def refine_predictions(config: DeepLabConfig) -> int:
    """Refine the predictions of the VAL list, then score them."""
    layout = open_segmentation_data(config.data, config.network.n_labels)
    ids = part_of(layout.ids("val"), config.test.parts, config.test.part)
    form, crf = form_of(config), image_crf(config)
    source = find_logits(config, ids, form)
    require_those_of_test(config, source)
    record = {"test": source.record, "crf": crf.record()}
    output = OutputFolder(config.label_maps(crf=True), ".png", record, config.force)
    tags = tags_of(config, layout, ids)
    load: Callable[[str], Any] = load_inputs(
        config, layout.image_path, form, tags=tags, upright=layout.upright, n_labels=config.network.n_labels
    )
    if source.folder:
        load = ReadPredictions(layout.image_path, source.folder, config.network.n_labels, tags, layout.upright)
    device = "cpu" if source.folder else config.engine.device
    with start_session(device) as session, session.writing(output.path, shared=config.test.parts > 1):
        predictor = None
        if source.checkpoint and not source.folder:
            predictor = Predictor(form, load_network(config.network, source.checkpoint), session.device)
        if session.is_main:
            print(
                f"Mode: crf, logits from {source.folder or f'{source.checkpoint} on {session.device}'}\n"
                f"CRF: {crf.describe()}\nLabel map dst: {output.path}"
            )
        finish = RefineAndWrite(crf, form, layout.upright)
        report = images_to_outputs(config, ids, load, finish, output, session, predictor, "CRF")
        session.on_main(lambda: score_folder(config, layout, source.checkpoint, crf.describe()))
    return report.exit_status("crf")


def find_logits(config: DeepLabConfig, ids: list[str], form: ImageForm) -> LogitSource:
    """Files that ``test`` wrote with this configuration (and the checkpoint of ``-m``, where it is given), else the
    network of that checkpoint, of the one that ``test`` used, or of the training's last one; else files that lie there
    without a record.
    """
    folder = config.logits
    failed = read_failures(folder)
    wanted_ids = [image_id for image_id in ids if image_id not in failed]
    complete = not config.test.squares and all(path_of_id(folder, one, ".npy").is_file() for one in wanted_ids)
    recorded = record_of(folder) if complete else {}
    given = existing_checkpoint(Path(config.checkpoint)) if config.checkpoint else None
    if recorded:
        wanted = prediction_record(config, given, form) if given else {**recorded, **form.record()}
        if recorded == wanted and recorded.get("tags", False) == config.test.true_tags:
            return LogitSource(recorded, given or tested_checkpoint(config), folder)
    checkpoint = given or tested_checkpoint(config)
    if checkpoint:
        return LogitSource(prediction_record(config, checkpoint, form), checkpoint, None)
    if complete:
        return LogitSource(UNRECORDED, None, folder)
    raise DataError(
        f"there are no logits in {folder} and there is no checkpoint {config.final_checkpoint}: train first, run test "
        "first, or give a checkpoint with -m"
    )


def tested_checkpoint(config: DeepLabConfig) -> Path | None:
    """The checkpoint that ``test`` used, if it still is where it was; else that of the training."""
    folder = config.label_maps(crf=False)
    # Relative to the folder where it lies in the run.
    tested = Path(os.path.normpath(folder / record_of(folder, ORIGIN_FILE).get("checkpoint", "")))
    return next((path for path in (tested, config.final_checkpoint) if path.is_file()), None)


def require_those_of_test(config: DeepLabConfig, source: LogitSource) -> None:
    """Raise :class:`ConfigError` where ``test`` has left label maps of other logits: their scores stand side by side."""
    folder = config.label_maps(crf=False)
    tested = record_of(folder)
    changes = describe_differences(tested, source.record) if tested and source.record != UNRECORDED else ""
    if changes:
        raise ConfigError(
            f"the label maps in {folder} were made with other settings than this CRF would use ({changes}); give both the "
            "same flags, run test --force again, or use another --experiment"
        )
