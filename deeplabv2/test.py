"""``main.py test``: logits and label maps of the VAL split, and their scores where there are masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from common.data.dataset import ListedImages
from common.data.layout import open_layout
from common.data.palette import write_label_map
from common.data.sampling import Sample
from common.data.transforms import ResizeLongSide
from common.engine.inference import OutputFolder, StageReport, images_to_files, same_size_groups
from common.engine.precision import autocast
from common.engine.session import start_session
from common.files import atomic_write
from common.models.fold import fold_batchnorm
from common.models.weights import file_fingerprint
from deeplabv2.inputs import InputConvention
from deeplabv2.networks.build import input_convention, load_network
from deeplabv2.networks.msc import enlarge
from deeplabv2.scores import score_folder
from deeplabv2.settings import DeepLabConfig


class Prediction(NamedTuple):
    """Logits float32 C x h x w at network resolution and the label map uint8 H x W at image size."""

    logits: np.ndarray
    label_map: np.ndarray


class TestItem:
    """``id -> {"image": float32 3 x h x w, "size": (H, W)}``: the whole image, its longer side scaled if it is given."""

    def __init__(self, images: ListedImages, convention: InputConvention, long_side: int = 0) -> None:
        self.images = images
        self.resize = ResizeLongSide(long_side) if long_side else None
        self.convention = convention

    def __call__(self, image_id: str) -> Sample:
        sample = self.images.read(image_id)
        size = sample["image"].shape[:2]
        if self.resize:
            sample = self.resize.to_size(sample)
        return {"image": self.convention.image(sample["image"]), "size": size}


class Predictor:
    """``[sample of TestItem] -> [Prediction]``, images of one size in one pass."""

    def __init__(self, network: nn.Module, precision: str, flip: bool, device: torch.device) -> None:
        self.network, self.precision, self.flip, self.device = network, precision, flip, device

    def __call__(self, samples: Sequence[Sample]) -> list[Prediction]:
        return same_size_groups(samples, self.same_size)

    @torch.inference_mode()
    def same_size(self, samples: list[Sample]) -> list[Prediction]:
        images = torch.stack([sample["image"] for sample in samples]).to(self.device)
        with autocast(self.precision, self.device):
            logits = self.network(images).float()
            if self.flip:
                logits = (logits + self.network(images.flip(3)).float().flip(3)) / 2
        label_maps = enlarge(logits, samples[0]["size"]).argmax(1)
        return [
            Prediction(one.cpu().numpy(), labels.to(torch.uint8).cpu().numpy())
            for one, labels in zip(logits, label_maps, strict=True)
        ]


class PredictionWriter:
    """Writes the logits first: the label map marks the image as complete."""

    def __init__(self, logit_folder: Path) -> None:
        self.logit_folder = logit_folder

    def __call__(self, path: Path, prediction: Prediction) -> None:
        logits = np.ascontiguousarray(prediction.logits, np.float32)
        atomic_write(self.logit_folder / f"{path.stem}.npy", lambda file: np.save(file, logits))
        write_label_map(path, prediction.label_map)


def test_network(config: DeepLabConfig) -> StageReport:
    """Predict the VAL split with ``model_path`` (default: this config's final checkpoint), then score it."""
    layout = open_layout(config.data)
    checkpoint = Path(config.model_path) if config.model_path else config.final_checkpoint
    with start_session(config.RUN.DEVICE) as session:
        network = fold_batchnorm(load_network(config, checkpoint)).to(session.device)
        ids = layout.ids("val")
        settings = {
            "checkpoint": file_fingerprint(checkpoint),
            "long_side": config.RUN.TEST_LONG_SIDE,
            "flip": config.RUN.TEST_FLIP,
            "precision": config.RUN.PRECISION,
        }
        report = images_to_files(
            ids,
            TestItem(ListedImages(layout, ids), input_convention(config), config.RUN.TEST_LONG_SIDE),
            PredictionWriter(config.features / "logit"),
            OutputFolder(config.features / "label", ".png", settings, config.force),
            session,
            compute=Predictor(network, config.RUN.PRECISION, config.RUN.TEST_FLIP, session.device),
            batch_size=config.SOLVER.BATCH_SIZE.TEST,
            workers=config.DATALOADER.NUM_WORKERS,
            title="test",
        )
        if session.is_main and not report.failed:
            score_folder(config, layout, config.features / "label", "scores.json", crf=None)
    return report
