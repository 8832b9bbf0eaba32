"""Logits of whole images: at several scales and mirrored where asked for, images of one size in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from common.data.sampling import Sample
from common.engine.inference import same_size_groups
from common.engine.precision import autocast
from common.errors import NonFiniteError
from common.models.fold import fold_batchnorm
from deeplabv2.inference.inference_settings import InferenceSettings
from deeplabv2.inference.label_maps import largest_label
from deeplabv2.networks.build import load_network
from deeplabv2.networks.msc import enlarge, resize_by
from deeplabv2.settings import DeepLabConfig


class Prediction(NamedTuple):
    """What a network says about one image.

    Attributes:
        image: the image's file.
        size: height and width of the image in pixels.
        logits: float32, C x h x w, at the network's resolution.
        label_map: uint8, H x W at image size, or None where nobody asked for it.
    """

    image: Path
    size: tuple[int, int]
    logits: np.ndarray
    label_map: np.ndarray | None = None


class Predictor:
    """``[sample of NetworkInput] -> [Prediction]``.

    Args:
        network: images -> logits, in eval mode, on ``device``.
        label_maps: also make the label maps, on ``device``.
    """

    def __init__(
        self, network: nn.Module, settings: InferenceSettings, device: torch.device, label_maps: bool = False
    ) -> None:
        self.network, self.settings, self.device, self.label_maps = network, settings, device, label_maps

    def __call__(self, samples: Sequence[Sample]) -> list[Prediction]:
        return same_size_groups(samples, self.same_size)

    @torch.inference_mode()
    def same_size(self, samples: list[Sample]) -> list[Prediction]:
        logits = self.logits(torch.stack([sample["image"] for sample in samples]).to(self.device))
        if not torch.isfinite(logits).all():
            names = ", ".join(sample["id"] for sample in samples)
            raise NonFiniteError(
                f"the network gives NaN or infinite logits for {names}; its training went wrong, or RUN.PRECISION "
                f"{self.settings.precision} is too small for it: try fp32"
            )
        label_maps = [None] * len(samples)
        if self.label_maps:
            label_maps = list(largest_label(logits, samples[0]["size"]).cpu().numpy())
        return [
            Prediction(sample["path"], sample["size"], one, label_map)
            for sample, one, label_map in zip(samples, logits.cpu().numpy(), label_maps, strict=True)
        ]

    def logits(self, images: Tensor) -> Tensor:
        """The mean over scales and mirror images, float32 N x C x h x w at the resolution of the largest scale."""
        maps = [self.at_scale(images, scale) for scale in self.settings.scales]
        finest = max(maps, key=lambda one: one.shape[2] * one.shape[3])
        size = finest.shape[2:]
        return torch.stack([one if one.shape[2:] == size else enlarge(one, size) for one in maps]).mean(0)

    def at_scale(self, images: Tensor, scale: float) -> Tensor:
        scaled = images if scale == 1 else resize_by(images, scale)
        with autocast(self.settings.precision, self.device):
            logits: Tensor = self.network(scaled).float()
            if self.settings.flip:
                logits = (logits + self.network(scaled.flip(3)).float().flip(3)) / 2
        return logits


def open_predictor(
    config: DeepLabConfig, checkpoint: Path, settings: InferenceSettings, device: torch.device, label_maps: bool = False
) -> Predictor:
    """The network of ``checkpoint``, ready to predict.

    Raises:
        CheckpointError: see :func:`deeplabv2.networks.build.load_network`.
    """
    network = fold_batchnorm(load_network(config, checkpoint))
    return Predictor(network.to(device), settings, device, label_maps)
