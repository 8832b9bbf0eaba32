"""What a person would look at: image, seeds or masks, prediction, and where the network is unsure."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from common.data.images import read_image, read_label_map
from common.data.layout import DatasetLayout
from common.data.palette import IGNORE_LABEL, colour_label_map
from common.errors import DataError
from common.files import atomic_write
from common.visual.overlay import cam_overlay, label_overlay
from common.visual.panels import png_bytes, side_by_side
from sgan.segmentation.config import SegmentationConfig
from sgan.segmentation.predict import Predictor, SquareInputs, WriteLabels
from sgan.segmentation.uncertainty import entropy_bits


def draw_pictures(
    config: SegmentationConfig, layout: DatasetLayout, ids: Sequence[str], load: SquareInputs, predictor: Predictor
) -> None:
    """``pictures/<kind>/<id>.png`` for ``test.pictures`` images, evenly spaced in ``ids``."""
    folder = config.folder.pictures / config.test.folder
    places = np.linspace(0, len(ids) - 1, min(config.test.pictures, len(ids))).astype(int)
    finish = WriteLabels(config.test)
    for image_id in (ids[place] for place in places):
        (scores,) = predictor([load(image_id)])
        sheet = png_bytes(picture(config, layout, image_id, finish.probabilities(scores)))
        atomic_write(folder / f"{image_id}.png", partial(write_bytes, sheet))


def write_bytes(content: bytes, file: IO[bytes]) -> None:
    file.write(content)


def picture(config: SegmentationConfig, layout: DatasetLayout, image_id: str, probabilities: np.ndarray) -> np.ndarray:
    """All panels of one image side by side, uint8 RGB."""
    image, predicted = read_image(layout.image_path(image_id)), probabilities.argmax(0).astype(np.uint8)
    unsure = entropy_bits(np.maximum(probabilities, 1e-12)) / np.log2(len(probabilities))
    panels = [("image", image), *known_maps(config, layout, image_id)]
    panels += [("prediction", colour_label_map(predicted)), ("on image", label_overlay(image, predicted))]
    panels += [("uncertainty", cam_overlay(image, np.clip(unsure, 0, 1)))]
    return side_by_side([panel for _, panel in panels], [title for title, _ in panels])


def known_maps(config: SegmentationConfig, layout: DatasetLayout, image_id: str) -> list[tuple[str, np.ndarray]]:
    """Title and colours of the label maps there are: the image's mask, and its seeds where it was trained on."""
    places = {"seeds": Path(config.label_dir) / f"{image_id}.png"} if config.label_dir else {}
    with suppress(DataError):
        places["mask"] = layout.mask_path(image_id)
    maps = [(title, read_label_map(path)) for title, path in places.items() if path.is_file()]
    unlabelled = layout.n_classes + 1
    return [
        (title, colour_label_map(np.where(labels == unlabelled, IGNORE_LABEL, labels).astype(np.uint8)))
        for title, labels in maps
    ]
