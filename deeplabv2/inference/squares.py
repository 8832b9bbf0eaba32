"""The form of SGAN and DSRG: fixed square inputs, aspect ratio not kept, whose logits are summed (sgan spec, section 6.3).

Resizing is bilinear with aligned corners, as ``scipy.ndimage.zoom`` of order 1: source = i (old - 1) / (new - 1). scipy's last
source coordinate may come out just beyond the edge, by rounding; it then writes zeros into the last row or column (section 10,
defect 4). ``repaired`` gives the edge itself there, ``published`` the zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from common.data.sampling import Sample
from common.engine.precision import autocast
from common.errors import ConfigError
from deeplabv2.inference.predictor import Floats, Form, Prediction
from deeplabv2.samples import InputConvention

Edge = Literal["repaired", "published"]
SMALLEST_PROBABILITY = 1e-5


@dataclass(frozen=True)
class Squares(Form):
    """An input per side; the images of a batch share the passes, as all inputs of one side have one size.

    Attributes:
        sides: of the inputs, pixels.
        edge: how resized maps end.
    """

    sides: tuple[int, ...] = (321,)
    edge: Edge = "repaired"
    folds_batchnorm: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if min(self.sides) < 1:
            raise ConfigError(f"inputs of {list(self.sides)} pixels cannot be segmented; correct test.squares")

    def record(self) -> dict[str, Any]:
        return {"sides": list(self.sides), "edge": self.edge, "precision": self.precision}

    def shown(self, image: np.ndarray) -> np.ndarray:
        return image

    def inputs(self, shown: np.ndarray, convention: InputConvention) -> list[Tensor]:
        pixels = torch.from_numpy(shown.transpose(2, 0, 1).astype(np.float32))[None]
        squares = [resize_aligned(pixels, (side, side), self.edge)[0].permute(1, 2, 0).numpy() for side in self.sides]
        return [convention.rounded.image(square) for square in squares]

    def predict(
        self, network: nn.Module, device: torch.device, samples: Sequence[Sample], label_maps: bool
    ) -> list[Prediction]:
        by_side = []
        for inputs in zip(*(sample["inputs"] for sample in samples), strict=True):
            with autocast(self.precision, device):
                by_side.append(network(torch.stack(inputs).to(device)).float().cpu().numpy())
        return [
            Prediction(sample["path"], sample["size"], list(logits), tags=sample["tags"])
            for sample, *logits in zip(samples, *by_side, strict=True)
        ]

    def probabilities(self, logits: Sequence[np.ndarray], size: tuple[int, int]) -> Floats:
        """Softmax over the summed logits, raised to 1e-5 and not normalised again, float32 C x H x W."""
        total = resize_aligned(torch.from_numpy(logits[0])[None], size, self.edge)[0]
        for one in logits[1:]:
            total = total + resize_aligned(torch.from_numpy(one)[None], size, self.edge)[0]
        raised: Floats = total.softmax(0).clamp(min=SMALLEST_PROBABILITY).numpy()
        return raised


def resize_aligned(maps: Tensor, size: tuple[int, int], edge: Edge = "repaired") -> Tensor:
    """Resize N x C x h x w to ``size`` = (H, W); the type of the numbers stays."""
    resized = functional.interpolate(maps, size, mode="bilinear", align_corners=True)
    if edge == "published":
        if ends_in_zeros(maps.shape[2], size[0]):
            resized[:, :, -1] = 0
        if ends_in_zeros(maps.shape[3], size[1]):
            resized[:, :, :, -1] = 0
    return resized


def ends_in_zeros(old: int, new: int) -> bool:
    """Whether scipy's last coordinate of ``new``, in float64, lies beyond the last of ``old``."""
    return new > 1 and (new - 1) * ((old - 1) / (new - 1)) > old - 1
