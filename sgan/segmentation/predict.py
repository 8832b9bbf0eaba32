"""From image files to label maps, in the steps that run in different processes: load, network, finish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from common.data.images import read_image
from common.data.layout import DatasetLayout
from common.data.palette import write_label_map
from common.data.sampling import Sample
from common.engine.precision import autocast
from common.errors import NonFiniteError
from sgan.segmentation.config import PredictionConfig
from sgan.segmentation.multiscale import label_map, probabilities_of, refine, square_input, summed_scores


class SquareInputs:
    """``id -> sample`` with the image's ``path``, ``size``, ``tags`` (or None) and ``inputs``, one tensor per side; runs in
    worker processes.
    """

    def __init__(self, layout: DatasetLayout, config: PredictionConfig, tags: Mapping[str, np.ndarray]) -> None:
        self.layout, self.config, self.tags = layout, config, tags

    def __call__(self, image_id: str) -> Sample:
        path = self.layout.image_path(image_id)
        image = read_image(path)
        inputs = [square_input(image, side, self.config.edge) for side in self.config.sides]
        tags = self.tags.get(image_id)
        return {"id": image_id, "path": path, "size": image.shape[:2], "tags": tags, "inputs": inputs}


class Scores(NamedTuple):
    """What the network says about one image.

    Attributes:
        image: the image's file.
        size: height and width of it.
        tags: 0/1 of its classes where only these are allowed, else None.
        logits: float32 C x k x k of every side.
    """

    image: Path
    size: tuple[int, int]
    tags: np.ndarray | None
    logits: list[np.ndarray]


class Predictor:
    """``[sample] -> [Scores]``; the images of a batch share the passes, as all inputs of one side have one size."""

    def __init__(self, network: nn.Module, precision: str, device: torch.device) -> None:
        self.network, self.precision, self.device = network.to(device), precision, device

    @torch.inference_mode()
    def __call__(self, samples: Sequence[Sample]) -> list[Scores]:
        by_side = []
        for inputs in zip(*(sample["inputs"] for sample in samples), strict=True):
            with autocast(self.precision, self.device):
                logits: Tensor = self.network(torch.stack(inputs).to(self.device)).float()
            if not torch.isfinite(logits).all():
                names = ", ".join(sample["id"] for sample in samples)
                raise NonFiniteError(f"the network gives NaN or infinite logits for {names}; its training went wrong")
            by_side.append(logits.cpu().numpy())
        return [
            Scores(sample["path"], sample["size"], sample["tags"], list(logits))
            for sample, *logits in zip(samples, *by_side, strict=True)
        ]


@dataclass(frozen=True)
class WriteLabels:
    """``(path, scores)``: enlarge, add up, softmax, CRF if wanted, largest label to ``path``; runs in any process."""

    config: PredictionConfig

    def __call__(self, path: Path, scores: Scores) -> None:
        probabilities = self.probabilities(scores)
        write_label_map(path, label_map(probabilities, scores.tags))

    def probabilities(self, scores: Scores) -> np.ndarray:
        """C x H x W, after the CRF where one is wanted."""
        logits = [torch.from_numpy(one) for one in scores.logits]
        probabilities = probabilities_of(summed_scores(logits, scores.size, self.config.edge))
        if self.config.smooth:
            probabilities = refine(read_image(scores.image), probabilities, self.config.crf_engine)
        return probabilities
