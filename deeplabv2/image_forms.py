"""Further forms of whole images: scales whose logits are summed, and images on a canvas (sod_wsss spec, sections 4.2 and 6.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from common.data.sampling import Sample
from common.data.windows import cut, resized_bicubic, top_left_window
from common.engine.precision import autocast
from common.errors import DataError
from deeplabv2.inference import Prediction, WholeImages, predictions
from deeplabv2.resize import enlarge_maps
from deeplabv2.samples import InputConvention


@dataclass(frozen=True)
class SummedScales(WholeImages):
    """One input per scale, resized by Pillow's bicubic filter; the logits of all scales, and of their mirror images with ``flip``,
    are brought to the size of the image and added.
    """

    def record(self) -> dict[str, Any]:
        return {**super().record(), "summed": True}

    def inputs(self, shown: np.ndarray, convention: InputConvention) -> list[Tensor]:
        height, width = shown.shape[:2]
        sizes = [(round(height * scale), round(width * scale)) for scale in self.scales]
        return [convention.image(resized_bicubic(shown, size)) for size in sizes]

    def same_size(
        self, network: nn.Module, device: torch.device, label_maps: bool, samples: list[Sample]
    ) -> list[Prediction]:
        size, inputs = samples[0]["size"], zip(*(sample["inputs"] for sample in samples), strict=True)
        total = sum(self.at_image_size(network, torch.stack(images).to(device), size) for images in inputs)
        return predictions(samples, torch.as_tensor(total), label_maps)

    def at_image_size(self, network: nn.Module, images: Tensor, size: tuple[int, int]) -> Tensor:
        """The logits of one scale, float32 N x C x H x W."""
        with autocast(self.precision, images.device):
            logits = enlarge_maps(network(images).float(), size)
            if self.flip:
                logits = logits + enlarge_maps(network(images.flip(3)).float(), size).flip(3)
        return logits


@dataclass(frozen=True)
class OnCanvas(WholeImages):
    """The image at the top left of a square whose rest is 0 after normalisation; images of any size pass the network together.

    Attributes:
        canvas: side of the square in pixels.
    """

    canvas: int = 512

    def inputs(self, shown: np.ndarray, convention: InputConvention) -> list[Tensor]:
        height, width = shown.shape[:2]
        if max(height, width) > self.canvas:
            raise DataError(f"an image of {width}x{height} pixels does not fit on test.canvas {self.canvas}: raise it")
        return [cut(convention.image(shown), top_left_window(height, width, self.canvas), self.canvas)]

    def predict(
        self, network: nn.Module, device: torch.device, samples: Sequence[Sample], label_maps: bool
    ) -> list[Prediction]:
        logits = self.mean_logits(network, torch.stack([sample["inputs"][0] for sample in samples]).to(device))
        full = enlarge_maps(logits, (self.canvas, self.canvas))
        made = []
        for sample, one in zip(samples, full, strict=True):
            height, width = sample["size"]
            made += predictions([sample], one[None, :, :height, :width], label_maps)
        return made
