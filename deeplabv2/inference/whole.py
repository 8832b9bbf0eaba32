"""The form of deeplab-pytorch: whole images at their own size, or at several scales and mirrored; images of one size in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from common.data.sampling import Sample
from common.data.transforms import ResizeLongSide
from common.engine.inference import same_size_groups
from common.engine.precision import autocast
from common.errors import ConfigError
from deeplabv2.inference.predictor import Floats, Form, Prediction
from deeplabv2.networks.msc import enlarge, resize_by
from deeplabv2.samples import InputConvention

# 256 MiB of float32: a photograph of 12 million pixels takes a few labels at a time, images of usual size all at once.
ENLARGED_AT_ONCE = 1 << 26


@dataclass(frozen=True)
class WholeImages(Form):
    """One input per image.

    Attributes:
        scales: factors of the image; the logits of all of them are averaged.
        long_side: longer side in pixels to which images are scaled first; 0 keeps their size.
        flip: average the logits with those of the mirror image.
    """

    scales: tuple[float, ...] = (1.0,)
    long_side: int = 0
    flip: bool = False

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) <= 0:
            raise ConfigError(f"test.scales is {list(self.scales)}; give positive factors, 1.0 alone as published")
        if self.long_side < 0:
            raise ConfigError(f"the longer side of images is {self.long_side}; give pixels, or 0 for their own size")

    def record(self) -> dict[str, Any]:
        return {**asdict(self), "scales": list(self.scales)}

    def shown(self, image: np.ndarray) -> np.ndarray:
        if not self.long_side:
            return image
        resized: np.ndarray = ResizeLongSide(self.long_side).to_size({"image": image})["image"]
        return resized

    def inputs(self, shown: np.ndarray, convention: InputConvention) -> list[Tensor]:
        return [convention.image(shown)]

    def predict(
        self, network: nn.Module, device: torch.device, samples: Sequence[Sample], label_maps: bool
    ) -> list[Prediction]:
        return same_size_groups(samples, partial(self.same_size, network, device, label_maps))

    def same_size(
        self, network: nn.Module, device: torch.device, label_maps: bool, samples: list[Sample]
    ) -> list[Prediction]:
        logits = self.mean_logits(network, torch.stack([sample["inputs"][0] for sample in samples]).to(device))
        maps: list[np.ndarray | None] = [None] * len(samples)
        if label_maps and samples[0]["tags"] is None:
            maps = list(largest_enlarged(logits, samples[0]["size"]).cpu().numpy())
        return [
            Prediction(sample["path"], sample["size"], [one], label_map, sample["tags"])
            for sample, one, label_map in zip(samples, logits.cpu().numpy(), maps, strict=True)
        ]

    def mean_logits(self, network: nn.Module, images: Tensor) -> Tensor:
        """The mean over scales and mirror images, float32 N x C x h x w at the resolution of the largest scale."""
        maps = [self.at_scale(network, images, scale) for scale in self.scales]
        finest = max(maps, key=lambda one: one.shape[2] * one.shape[3])
        size = finest.shape[2:]
        return torch.stack([one if one.shape[2:] == size else enlarge(one, size) for one in maps]).mean(0)

    def at_scale(self, network: nn.Module, images: Tensor, scale: float) -> Tensor:
        scaled = images if scale == 1 else resize_by(images, scale)
        with autocast(self.precision, images.device):
            logits: Tensor = network(scaled).float()
            if self.flip:
                logits = (logits + network(scaled.flip(3)).float().flip(3)) / 2
        return logits

    def probabilities(self, logits: Sequence[np.ndarray], size: tuple[int, int]) -> Floats:
        """Softmax over the labels of the bilinearly enlarged logits, float32 C x H x W."""
        enlarged = enlarge(torch.from_numpy(logits[0])[None], size)
        probabilities: Floats = enlarged.softmax(1)[0].numpy()
        return probabilities


def largest_enlarged(scores: Tensor, size: Sequence[int], at_once: int = ENLARGED_AT_ONCE) -> Tensor:
    """The label whose enlarged score is largest; the first where two are equal.

    Args:
        scores: N x C x h x w, C at most 256.
        size: height and width of the label maps.
        at_once: numbers held at image size at a time.

    Returns:
        uint8, N x H x W.
    """
    pixels = scores.shape[0] * size[0] * size[1]
    step = max(1, at_once // pixels)
    best, labels = enlarge(scores[:, :step], size).max(1)
    labels = labels.to(torch.uint8)
    for first in range(step, scores.shape[1], step):
        more, which = enlarge(scores[:, first : first + step], size).max(1)
        higher = more > best
        labels[higher] = (which[higher] + first).to(torch.uint8)
        best = torch.maximum(best, more)
    return labels
