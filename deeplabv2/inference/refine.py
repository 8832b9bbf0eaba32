"""Probabilities of a prediction, and the dense CRF on them (deeplabv2 spec, sections 6 and 12.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from common.crf.inference import Engine, dense_crf, resolve_engine
from common.crf.presets import PRESETS, CrfSettings
from common.crf.unary import unary_from_probabilities
from common.report.record import describe_crf
from deeplabv2.networks.msc import enlarge
from deeplabv2.settings import DeepLabConfig

CrfImage = Literal["original", "mean_subtracted"]


def probabilities_at(logits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Softmax over the labels of the bilinearly enlarged logits.

    Args:
        logits: float32, C x h x w.
        size: height and width.

    Returns:
        float32, C x H x W.
    """
    enlarged = enlarge(torch.from_numpy(logits)[None], size)
    probabilities: np.ndarray = enlarged.softmax(1)[0].numpy()
    return probabilities


def mean_subtracted(image_bgr: np.ndarray, mean_bgr: tuple[float, float, float]) -> np.ndarray:
    """The image that the original crf command gives to the CRF: minus the mean, cut to whole numbers modulo 256.

    The published cast of negative numbers to uint8 is undefined; this is what x86 processors do (spec, section 10 row 1).
    """
    difference = image_bgr.astype(np.float32) - np.asarray(mean_bgr, np.float32)
    return difference.astype(np.int32).astype(np.uint8)


@dataclass(frozen=True)
class ImageCrf:
    """The CRF of a configuration: ``(image, probabilities) -> probabilities``.

    Attributes:
        settings: its constants.
        image: the image as it is (default), or minus the mean as the original crf command took it.
        mean_bgr: the mean, grey levels 0..255.
        engine: what computes it.
    """

    settings: CrfSettings
    image: CrfImage
    mean_bgr: tuple[float, float, float]
    engine: Engine

    def __call__(self, image: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Refine.

        Args:
            image: uint8 RGB, H x W x 3; the CRF sees it as BGR, as published.
            probabilities: float32, C x H x W.

        Returns:
            float32, C x H x W.
        """
        bgr = np.ascontiguousarray(image[..., ::-1])
        if self.image == "mean_subtracted":
            bgr = mean_subtracted(bgr, self.mean_bgr)
        return dense_crf(bgr, unary_from_probabilities(probabilities), self.settings, self.engine)

    def record(self) -> dict[str, Any]:
        """Plain values for ``stage.json``."""
        mean = list(self.mean_bgr) if self.image == "mean_subtracted" else None
        return {**vars(self.settings), "image": self.image, "mean": mean, "engine": resolve_engine(self.engine)}

    def describe(self) -> str:
        """One line for a result."""
        preset = next((name for name, settings in PRESETS.items() if settings == self.settings), "own")
        unusual = ", image minus mean" if self.image == "mean_subtracted" else ""
        return describe_crf(preset, self.settings) + unusual


def image_crf(config: DeepLabConfig) -> ImageCrf:
    """The CRF that section CRF describes."""
    mean = config.IMAGE.MEAN
    crf = config.CRF
    return ImageCrf(crf.settings(), crf.IMAGE, (mean.B, mean.G, mean.R), crf.ENGINE)
