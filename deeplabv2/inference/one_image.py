"""One image as the demo segments it (deeplabv2 spec, section 6)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from common.errors import ConfigError
from deeplabv2.data import demo_item
from deeplabv2.inference.inference_settings import inference_settings
from deeplabv2.inference.predictor import open_predictor
from deeplabv2.inference.refine import image_crf, probabilities_at
from deeplabv2.networks.build import input_convention
from deeplabv2.settings import DeepLabConfig


class Segmented(NamedTuple):
    """An image, uint8 RGB H x W x 3 at the size at which it was segmented, and its label map, uint8 H x W."""

    image: np.ndarray
    label_map: np.ndarray


class SegmentImage:
    """``image -> Segmented``: longer side brought to IMAGE.SIZE.TEST, softmax, CRF if wanted, largest label.

    Raises:
        ConfigError: there is no checkpoint.
        CheckpointError: it cannot be used.
    """

    def __init__(self, config: DeepLabConfig, with_crf: bool, device: torch.device) -> None:
        if not config.model_path:
            raise ConfigError("the demo needs a checkpoint: -m FILE")
        self.predictor = open_predictor(config, Path(config.model_path), inference_settings(config), device)
        self.convention, self.long_side = input_convention(config), config.IMAGE.SIZE.TEST
        self.crf = image_crf(config) if with_crf else None

    def __call__(self, image: np.ndarray, name: str) -> Segmented:
        """Segment an image, uint8 RGB H x W x 3; ``name`` is for messages."""
        tensor, shown = demo_item(image, self.convention, self.long_side or max(image.shape[:2]))
        size = shown.shape[:2]
        (prediction,) = self.predictor([{"id": name, "path": Path(name), "image": tensor, "size": size}])
        probabilities = probabilities_at(prediction.logits, size)
        if self.crf:
            probabilities = self.crf(shown, probabilities)
        return Segmented(shown, probabilities.argmax(0).astype(np.uint8))
