"""From an image file to a network's input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from common.data.images import read_image
from common.data.sampling import Sample
from common.data.transforms import ResizeLongSide
from common.errors import DataError
from deeplabv2.inference.inference_settings import InferenceSettings
from deeplabv2.inputs import InputConvention


class NetworkInput:
    """``id -> sample``; runs in worker processes.

    A sample holds ``id``, ``path`` (the image's file), ``image`` (float32, 3 x h x w) and ``size`` (height and width of
    the file, before it was scaled).

    Args:
        path_of: ``id -> file``.
        pyramid: scales that the network adds by itself.
    """

    def __init__(
        self,
        path_of: Callable[[str], Path],
        convention: InputConvention,
        settings: InferenceSettings,
        pyramid: Sequence[float],
    ) -> None:
        self.path_of, self.convention, self.settings, self.pyramid = path_of, convention, settings, pyramid

    def __call__(self, image_id: str) -> Sample:
        path = self.path_of(image_id)
        image = read_image(path)
        shown = as_shown(image, self.settings.long_side)
        self.require_pixels(path, shown)
        return {"id": image_id, "path": path, "image": self.convention.image(shown), "size": image.shape[:2]}

    def require_pixels(self, path: Path, image: np.ndarray) -> None:
        """Raise :class:`DataError` where a scale would leave nothing of the image."""
        side = min(image.shape[:2])
        for scale in self.settings.scales:
            for factor in (1.0, *self.pyramid):
                if int(int(side * scale) * factor) < 1:
                    raise DataError(
                        f"{path} is {image.shape[1]}x{image.shape[0]} pixels: nothing of it is left at scale {scale * factor:g}"
                    )


def as_shown(image: np.ndarray, long_side: int) -> np.ndarray:
    """The image at the size at which the network sees it: its longer side scaled, or as it is for 0.

    Args:
        image: uint8 RGB, H x W x 3.
    """
    if not long_side:
        return image
    resized: np.ndarray = ResizeLongSide(long_side).to_size({"image": image})["image"]
    return resized
