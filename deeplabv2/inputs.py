"""How pixel values become a network's input: a property of the network, the same wherever it is run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch

from common.data.transforms import IMAGENET_MEAN, IMAGENET_STD, ToTensors

RGB_RANGE = 255


@dataclass(frozen=True)
class InputConvention:
    """Channel order and normalisation that a network's weights expect.

    Attributes:
        order: order of the colour channels.
        mean: subtracted, in the channel order of ``order``, grey levels 0..255.
        std: what the difference is divided by.
        resize_in_float: whether training images are resized as float32 (as published) or as uint8 (four times less
            memory to move, rounded to whole grey levels).
    """

    order: Literal["RGB", "BGR"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    resize_in_float: bool = False

    @property
    def fill(self) -> tuple[float, float, float]:
        """The RGB colour that becomes 0 (on uint8 images: nearly): what images are padded with."""
        colour = self.mean if self.order == "RGB" else self.mean[::-1]
        return colour if self.resize_in_float else tuple(round(channel) for channel in colour)  # type: ignore[return-value]

    @property
    def rounded(self) -> InputConvention:
        """With the mean in whole grey levels, as DSRG's test and its CRF take it (defect 14 of the sgan spec: kept)."""
        first, second, third = (float(round(channel)) for channel in self.mean)
        return replace(self, mean=(first, second, third)) if self.order == "BGR" else self

    def image(self, image: np.ndarray) -> torch.Tensor:
        """RGB image H x W x 3 in 0..255 -> network input, float32 3 x H x W."""
        return InputTensors(self).image(image)

    def colours(self, inputs: torch.Tensor) -> torch.Tensor:
        """Network input N x 3 x h x w -> what it showed, uint8 N x h x w x 3, BGR."""
        std, mean = (torch.tensor(values, dtype=inputs.dtype, device=inputs.device) for values in (self.std, self.mean))
        levels = inputs * std[:, None, None] + mean[:, None, None]
        bgr = levels if self.order == "BGR" else levels.flip(1)
        return bgr.round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous()


def caffe_input(mean_bgr: tuple[float, float, float]) -> InputConvention:
    """BGR minus the mean, as the Caffe networks and I2CRC take it (deeplabv2 spec, section 4.2)."""
    return InputConvention("BGR", mean_bgr, resize_in_float=True)


def imagenet_input() -> InputConvention:
    """RGB, normalised as torchvision's and timm's ImageNet weights expect it."""
    mean, std = ([RGB_RANGE * channel for channel in values] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return InputConvention("RGB", (mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))


class InputTensors(ToTensors):
    """The last transform of a sample: normalisation in a network's convention, and conversion to tensors."""

    def __init__(self, convention: InputConvention) -> None:
        mean, std = ([channel / RGB_RANGE for channel in values] for values in (convention.mean, convention.std))
        super().__init__(mean, std)
        self.reverses = convention.order == "BGR"

    def image(self, image: np.ndarray) -> torch.Tensor:
        return super().image(image[..., ::-1] if self.reverses else image)
