"""The dense CRF on the probabilities of a prediction (deeplabv2 spec, sections 6 and 12.2; sgan spec, section 6.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from common.crf.inference import Engine, dense_crf, resolve_engine
from common.crf.presets import PRESETS, CrfSettings
from common.crf.unary import unary_from_probabilities
from common.report.record import describe_crf

CrfImage = Literal["original", "rgb", "mean_subtracted"]


def mean_subtracted(image_bgr: np.ndarray, mean_bgr: tuple[float, float, float]) -> np.ndarray:
    """The image that the original crf command gives to the CRF: minus the mean, cut to whole numbers modulo 256.

    The published cast of negative numbers to uint8 is undefined; this is what x86 processors do (spec, section 10 row 1).

    Args:
        image_bgr: uint8, H x W x 3.
        mean_bgr: grey levels 0..255.

    Returns:
        uint8, H x W x 3.
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
