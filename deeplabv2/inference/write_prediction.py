"""The files of ``predict``: mask, overlay, probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from common.data.images import read_image
from common.data.palette import write_label_map
from common.files import atomic_write, write_npz
from common.visual.overlay import label_overlay
from deeplabv2.inference.label_maps import largest_label
from deeplabv2.inference.network_input import as_shown
from deeplabv2.inference.predictor import Prediction
from deeplabv2.inference.refine import ImageCrf, probabilities_at
from deeplabv2.networks.msc import enlarge

JPEG_QUALITY = 90


class WritePrediction:
    """``(path, prediction)``: writes the mask to ``path`` and what else is wanted beside it; runs in any process.

    Probabilities, and the CRF on them, are computed at the size at which the network saw the image, then enlarged.

    Args:
        long_side: longer side of that size in pixels, 0 for the image's own.
        crf: None leaves it out.
        masks: folder of the masks.
        overlays: folder of JPEG pictures at the size that the network saw; None leaves them out.
        probabilities: folder of ``.npz`` files with ``probabilities``, float16 C x H x W; None leaves them out.
    """

    def __init__(
        self, long_side: int, crf: ImageCrf | None, masks: Path, overlays: Path | None, probabilities: Path | None
    ) -> None:
        self.long_side, self.crf = long_side, crf
        self.masks, self.overlays, self.probabilities = masks, overlays, probabilities

    def __call__(self, path: Path, prediction: Prediction) -> None:
        shown = as_shown(read_image(prediction.image), self.long_side)
        scores = probabilities_at(prediction.logits, shown.shape[:2])
        if self.crf:
            scores = self.crf(shown, scores)
        name = path.relative_to(self.masks)
        if self.probabilities:
            write_probabilities(self.probabilities / name.with_suffix(".npz"), scores, prediction.size)
        if self.overlays:
            write_jpeg(self.overlays / name.with_suffix(".jpg"), label_overlay(shown, scores.argmax(0)))
        write_label_map(path, largest_label(torch.from_numpy(scores)[None], prediction.size)[0].numpy())


def write_probabilities(path: Path, probabilities: np.ndarray, size: tuple[int, int]) -> None:
    """Enlarge float32 C x h x w to ``size``, label by label, and write it as float16."""
    enlarged = np.empty((len(probabilities), *size), np.float16)
    for label, one in enumerate(torch.from_numpy(probabilities)):
        enlarged[label] = enlarge(one[None, None], size)[0, 0].numpy()
    write_npz(path, probabilities=enlarged)


def write_jpeg(path: Path, picture: np.ndarray) -> None:
    image = Image.fromarray(picture)
    atomic_write(path, lambda file: image.save(file, format="JPEG", quality=JPEG_QUALITY))
