"""Sheets of single images: the photograph, its masks or seeds, the prediction, and where the network is unsure."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from common.data.images import read_image, read_label_map
from common.data.layout import DatasetLayout
from common.data.palette import IGNORE_LABEL, colour_label_map
from common.errors import DataError
from common.files import atomic_write
from common.visual.overlay import cam_overlay, label_overlay
from common.visual.panels import png_bytes, side_by_side
from deeplabv2.inference.predictor import NetworkInput, Predictor
from deeplabv2.settings import DeepLabConfig


def draw_pictures(
    config: DeepLabConfig, layout: DatasetLayout, ids: Sequence[str], load: NetworkInput, predictor: Predictor
) -> None:
    """``features/.../picture/<id>.png`` for ``report.pictures`` images, evenly spaced in ``ids``."""
    folder = config.label_maps(crf=False).with_name("picture")
    places = np.linspace(0, len(ids) - 1, min(config.report.pictures, len(ids))).astype(int)
    for image_id in (ids[place] for place in places):
        (prediction,) = predictor([load(image_id)])
        probabilities = predictor.form.probabilities(prediction.logits, prediction.size)
        sheet = png_bytes(picture(config, layout, image_id, probabilities))
        atomic_write(folder / f"{image_id}.png", partial(write_bytes, sheet))


def write_bytes(content: bytes, file: IO[bytes]) -> None:
    file.write(content)


def picture(config: DeepLabConfig, layout: DatasetLayout, image_id: str, probabilities: np.ndarray) -> np.ndarray:
    """All panels of one image side by side, uint8 RGB; probabilities are C x H x W at image size."""
    image, predicted = read_image(layout.image_path(image_id)), probabilities.argmax(0).astype(np.uint8)
    unsure = entropy_bits(np.maximum(probabilities, 1e-12)) / np.log2(len(probabilities))
    panels = [("image", image), *known_maps(config, layout, image_id)]
    panels += [("prediction", colour_label_map(predicted)), ("on image", label_overlay(image, predicted))]
    panels += [("uncertainty", cam_overlay(image, np.clip(unsure, 0, 1)))]
    return side_by_side([panel for _, panel in panels], [title for title, _ in panels])


def known_maps(config: DeepLabConfig, layout: DatasetLayout, image_id: str) -> list[tuple[str, np.ndarray]]:
    """Title and colours (uint8 RGB, H x W x 3) of the label maps there are: its mask, and what it was trained on."""
    title = "seeds" if config.takes_seeds else "labels"
    places = {title: Path(config.label_dir) / f"{image_id}.png"} if config.label_dir else {}
    with suppress(DataError):
        places["mask"] = layout.mask_path(image_id)
    maps = [(title, read_label_map(path)) for title, path in places.items() if path.is_file()]
    unlabelled = config.network.n_labels
    return [
        (title, colour_label_map(np.where(labels == unlabelled, IGNORE_LABEL, labels).astype(np.uint8)))
        for title, labels in maps
    ]


def entropy_bits(probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Entropy over C of probabilities C x H x W (above 0), H x W in bits: 0 .. log2(C)."""
    bits: npt.NDArray[np.float32] = -(probabilities * np.log2(probabilities)).sum(0)
    return bits
